import { isObject } from "./problem";
import { plainLine, plainText } from "../text/plain";
import type { Json } from "./types";

/** One block of a tool's result, as the page shows it. */
export type Block =
  | { kind: "text"; text: string }
  | { kind: "json"; text: string }
  | { kind: "image"; src: string; alt: string }
  | { kind: "audio"; note: string }
  | { kind: "link"; uri: string; name: string };

/** Longer text is cut on the page; nobody reads a megabyte in a card. */
export const shownMost = 20_000;

const pictures = /^image\/(?:png|jpeg|gif|webp|avif)$/;

/** The blocks of an MCP tool result; a form this page does not know is shown as JSON. */
export function blocksOf(content: Json): Block[] {
  if (typeof content === "string") return [textBlock(content)];
  if (isObject(content) && Array.isArray(content.content)) {
    const blocks = content.content.map(blockOf);
    const structured = content.structuredContent;
    return blocks.length === 0 && structured !== undefined && structured !== null ? [jsonBlock(structured)] : blocks;
  }
  if (Array.isArray(content) && content.every((entry) => isObject(entry) && typeof entry.type === "string")) return content.map(blockOf);
  return [jsonBlock(content)];
}

function blockOf(value: Json): Block {
  if (!isObject(value)) return jsonBlock(value);
  if (value.type === "text" && typeof value.text === "string") return textBlock(value.text);
  if (value.type === "image" && typeof value.data === "string" && typeof value.mimeType === "string" && pictures.test(value.mimeType)) {
    return { kind: "image", src: `data:${value.mimeType};base64,${value.data.replaceAll(/[^A-Za-z0-9+/=]/g, "")}`, alt: "Picture from the tool" };
  }
  if (value.type === "audio") return { kind: "audio", note: "The tool answered with a sound, which this page does not play." };
  if (value.type === "resource_link" && typeof value.uri === "string") {
    const uri = plainLine(value.uri, 2000);
    return { kind: "link", uri, name: (typeof value.name === "string" && plainLine(value.name)) || uri };
  }
  if (value.type === "resource" && isObject(value.resource) && typeof value.resource.text === "string") return textBlock(value.resource.text);
  return jsonBlock(value);
}

/** Text that is JSON reads better indented. */
function textBlock(text: string): Block {
  const trimmed = text.trim();
  if (trimmed.length < 200_000 && /^[[{]/.test(trimmed)) {
    try {
      return jsonBlock(JSON.parse(trimmed) as Json);
    } catch {
      // Text after all.
    }
  }
  return { kind: "text", text: plainText(text) };
}

function jsonBlock(value: Json): Block {
  return { kind: "json", text: JSON.stringify(value, null, 2) };
}
