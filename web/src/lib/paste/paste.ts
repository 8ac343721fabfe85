import { fromCommand } from "./command";
import { fromJson } from "./json";
import { fromLink } from "./link";
import { parseServerUrl } from "./url";

/** A server as somebody pasted it. */
export interface Pasted {
  url: string;
  name?: string;
  headers?: Record<string, string>;
  /** Names of headers whose value was only a placeholder: the person must fill them in. */
  blanks?: string[];
}

export type PasteResult =
  | {
      ok: true;
      servers: Pasted[];
      /** What was left out, each with its reason. */
      skipped: string[];
    }
  | { ok: false; reason: string };

/** More than a person pastes on purpose. */
const longest = 200_000;

/**
 * Understands what people paste: a URL in any state, a `claude mcp add …` or `code --add-mcp …` line, an install link,
 * and the JSON of `mcpServers`, `servers` and their kin.
 */
export function parsePaste(input: string): PasteResult {
  if (input.length > longest) return { ok: false, reason: "That is too long. Paste the server's URL, or the part of the file that names it." };
  const text = input.trim();
  if (text === "") return { ok: false, reason: "Enter the server's URL." };
  if (/^(?:\{|"?\w+"?\s*:\s*\{|\/\/.*\n|\/\*)/.test(text)) return fromJson(text);
  if (/^(?:cursor|vscode|vscode-insiders|windsurf):/i.test(text)) return fromLink(text);
  if (/^(?:[$>]\s*)?[\w./-]+\s+(?:mcp\s+add|--add-mcp)\b/.test(text)) return fromCommand(text);
  const url = parseServerUrl(text);
  return url.ok ? { ok: true, servers: [{ url: url.url }], skipped: [] } : url;
}
