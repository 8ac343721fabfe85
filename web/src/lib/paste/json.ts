import { isObject } from "../api/problem";
import { headerLine, readHeaders } from "./header";
import type { Pasted, PasteResult } from "./paste";
import { parseServerUrl } from "./url";

/** Most servers taken from one snippet. */
const most = 50;

/** The JSON of `mcpServers` (Claude, Cursor, Windsurf, Gemini), `servers` (VS Code) or a single server, comments allowed. */
export function fromJson(text: string): PasteResult {
  let value: unknown;
  try {
    const plain = withoutComments(text);
    value = JSON.parse(plain.startsWith("{") ? plain : `{${plain.replace(/,\s*$/, "")}}`);
  } catch {
    return no("That looks like JSON, but it is not complete. Paste the whole snippet.");
  }
  const servers: Pasted[] = [];
  const skipped: string[] = [];
  let programs = 0;
  for (const [name, entry] of entriesOf(value)) {
    if (!isObject(entry)) continue;
    const remote = remoteOf(entry);
    if (!remote) {
      if (typeof entry.command === "string") {
        programs += 1;
        skipped.push(`${name ?? "One entry"}: a program on your own machine`);
      }
      continue;
    }
    const url = parseServerUrl(remote.url);
    if (!url.ok) {
      skipped.push(name ? `${name}: ${url.reason}` : url.reason);
    } else if (servers.length < most) {
      const { headers, blanks } = readHeaders(remote.headers);
      servers.push({
        url: url.url,
        ...(name ? { name } : {}),
        ...(Object.keys(headers).length > 0 ? { headers } : {}),
        ...(blanks.length > 0 ? { blanks } : {}),
      });
    }
  }
  if (servers.length > 0) return { ok: true, servers, skipped };
  if (programs > 0) return no("Those servers are programs on your own machine. Gatepass talks to servers that have a URL.");
  return no(skipped[0] ?? "That JSON names no server with a URL.");
}

/** The entries wherever they stand: under `mcpServers`, `servers`, `mcp.servers`, or as the whole. */
function entriesOf(value: unknown): [string | undefined, unknown][] {
  if (!isObject(value)) return [];
  const list = value.mcpServers ?? value.servers ?? value["mcp.servers"] ?? (isObject(value.mcp) ? (value.mcp.servers ?? value.mcp) : value);
  if (!isObject(list)) return [];
  if (remoteOf(list) || typeof list.command === "string") return [[typeof list.name === "string" ? list.name : undefined, list]];
  return Object.entries(list);
}

/** Where an entry's server is, also one that is reached through the `mcp-remote` bridge. */
function remoteOf(entry: Record<string, unknown>): { url: string; headers: [string, string][] } | null {
  const url = entry.url ?? entry.serverUrl ?? entry.httpUrl;
  if (typeof url === "string") {
    const headers = isObject(entry.headers) ? Object.entries(entry.headers) : [];
    return { url, headers: headers.filter((pair): pair is [string, string] => typeof pair[1] === "string") };
  }
  const words = Array.isArray(entry.args) ? entry.args.filter((word) => typeof word === "string") : [];
  const bridge = words.findIndex((word) => /^mcp-remote(?:@|$)/.test(word));
  const bridged = bridge < 0 ? undefined : words.slice(bridge + 1).find((word) => /^https?:\/\//i.test(word));
  if (!bridged) return null;
  const headers = words.flatMap((word, at) => (word === "--header" ? [headerLine(words[at + 1] ?? "")] : []));
  return { url: bridged, headers: headers.filter((line) => line !== null) };
}

/** JSON without comments and without commas before a closing bracket, as editors allow them. */
function withoutComments(text: string): string {
  const outside = text.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string: string | undefined) => string ?? " ");
  return outside.replace(/("(?:\\.|[^"\\])*")|,(\s*[}\]])/g, (_, string: string | undefined, end: string | undefined) => string ?? end ?? "").trim();
}

function no(reason: string): PasteResult {
  return { ok: false, reason };
}
