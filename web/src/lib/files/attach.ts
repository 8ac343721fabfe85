import type { FilePart, MessageLimits, Model } from "../api/types";
import { plainLine } from "../text/plain";

/** What a message may hold where the server did not say. */
export const usualLimits: MessageLimits = { messageBytes: 256 * 1024, attachmentBytes: 5 * 1024 * 1024, attachments: 8 };

/** Pictures are made smaller than this before they are sent: models look at no more. */
const widest = 2048;
const heaviest = 1024 * 1024;

const pictures = /^image\/(?:png|jpeg|gif|webp)$/;

export interface Chosen {
  files: FilePart[];
  /** Why the others are not among them, one sentence each. */
  refused: string[];
}

/** Reads the files that a person chose, as far as the model takes them and the message has room. */
export async function readFiles(chosen: Iterable<File>, already: FilePart[], model: Model, limits: MessageLimits): Promise<Chosen> {
  const files: FilePart[] = [];
  const refused: string[] = [];
  const kinds = model.attachments ?? ["text"];
  for (const file of chosen) {
    const name = plainLine(file.name, 120) || "file";
    if (already.length + files.length >= limits.attachments) {
      refused.push(`${name} was left out: a message takes ${limits.attachments} files.`);
      continue;
    }
    const picture = pictures.test(file.type);
    if (picture && !kinds.includes("image")) {
      refused.push(`${name} was left out: ${model.label} takes no pictures.`);
      continue;
    }
    if (!picture && !kinds.includes("text")) {
      refused.push(`${name} was left out: ${model.label} takes no files.`);
      continue;
    }
    // Before it is read: a film would fill the memory.
    if (file.size > (picture ? 40 * 1024 * 1024 : limits.messageBytes)) {
      refused.push(`${name} was left out: it is larger than ${amount(picture ? limits.attachmentBytes : limits.messageBytes)}.`);
      continue;
    }
    const content = picture ? await smaller(file) : file;
    const bytes = new Uint8Array(await content.arrayBuffer());
    if (!picture && !isText(bytes)) {
      refused.push(`${name} was left out: it is neither text nor a picture (PNG, JPEG, GIF, WebP).`);
      continue;
    }
    const others = [...already, ...files].filter((part) => pictures.test(part.mediaType) === picture);
    const size = others.reduce((sum, part) => sum + sizeOf(part), bytes.length);
    if (size > (picture ? limits.attachmentBytes : limits.messageBytes)) {
      refused.push(`${name} was left out: the ${picture ? "pictures" : "text files"} of a message may have ${amount(picture ? limits.attachmentBytes : limits.messageBytes)} together.`);
      continue;
    }
    const mediaType = picture ? content.type : /^text\/[\w.+-]+$/.test(file.type) ? file.type : "text/plain";
    files.push({ type: "file", mediaType, filename: name, url: `data:${mediaType};base64,${base64(bytes)}` });
  }
  return { files, refused };
}

/** Bytes of a file part's content. */
export function sizeOf(part: FilePart): number {
  const content = part.url.length - part.url.indexOf(",") - 1;
  return Math.floor((content * 3) / 4);
}

export function isPicture(part: FilePart): boolean {
  return /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*$/.test(part.url);
}

/** 900 bytes, 12 KB, 3.4 MB. */
export function amount(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1).replace(/\.0$/, "")} MB`;
}

function isText(bytes: Uint8Array): boolean {
  try {
    return !new TextDecoder("utf-8", { fatal: true }).decode(bytes).includes("\0");
  } catch {
    return false;
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** The picture, drawn anew in fewer pixels if it is large; itself where that does not work. */
async function smaller(file: File): Promise<Blob> {
  if (file.size <= heaviest || file.type === "image/gif" || typeof createImageBitmap !== "function") return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, widest / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const drawn = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/webp", 0.85));
    return drawn && pictures.test(drawn.type) && drawn.size < file.size ? drawn : file;
  } catch {
    return file;
  }
}
