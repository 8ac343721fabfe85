import { isObject } from "../api/problem";
import type { Headers } from "../api/types";
import { isLoopback } from "./host";

export interface Pasted {
  url: string;
  name?: string;
  headers?: Headers;
}

export type PasteResult = { ok: true; servers: Pasted[] } | { ok: false; reason: string };

/** Understands what people paste: a URL in any state, a `claude mcp add …` line, an `mcpServers` JSON snippet. */
export function parsePaste(input: string): PasteResult {
  const text = input.trim();
  if (text === "") return no("Enter the server's URL.");
  if (text.startsWith("{") || /^"?mcpServers"?\s*:/.test(text)) return fromJson(text);
  if (/^(?:\$\s*)?[\w./-]+\s+mcp\s+add\b/.test(text)) return fromCommand(text);
  const url = parseServerUrl(text);
  return url.ok ? { ok: true, servers: [{ url: url.url }] } : url;
}

/** Makes an MCP server's URL out of what was typed; what it is exactly is decided by the server. */
export function parseServerUrl(input: string): { ok: true; url: string } | { ok: false; reason: string } {
  const text = input.trim().replace(/^[<"'`]+/, "").replace(/[>"'`,;]+$/, "").trim();
  if (/\s/.test(text)) return no("A URL has no spaces in it.");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme && scheme !== "https" && scheme !== "http") return no(`An MCP server's URL starts with https://, not ${scheme}://.`);
  let parsed: URL;
  try {
    parsed = new URL(scheme ? text : `https://${text.replace(/^\/+/, "")}`);
  } catch {
    return no("That is not a URL. An MCP server's URL looks like https://mcp.example.com/mcp.");
  }
  const local = isLoopback(parsed.hostname);
  if (!local && !parsed.hostname.includes(".") && !parsed.hostname.startsWith("[")) {
    return no("That is not a URL. An MCP server's URL looks like https://mcp.example.com/mcp.");
  }
  if (parsed.username || parsed.password) return no("Leave the user name and password out of the URL.");
  if (scheme) return { ok: true, url: text.replace(/#.*$/s, "") };
  return { ok: true, url: `${local ? "http" : "https"}://${text.replace(/^\/+/, "").replace(/#.*$/s, "")}` };
}

function fromCommand(text: string): PasteResult {
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g)?.map((word) => word.replace(/^(["'])(.*)\1$/s, "$2")) ?? [];
  const rest = words.slice(words.indexOf("add") + 1);
  const headers: Headers = {};
  const plain: string[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    if (word === "--") return no("That line starts a program on your own machine. Gatepass talks to servers that have a URL.");
    if (word === "-H" || word === "--header") {
      const [name, value] = headerOf(rest[(at += 1)] ?? "");
      if (name) headers[name] = value;
    } else if (["-t", "--transport", "-s", "--scope", "-e", "--env", "--client-id", "--callback-port"].includes(word)) {
      at += 1;
    } else if (!word.startsWith("-")) {
      plain.push(word);
    }
  }
  const typed = plain.find((word) => /^https?:\/\//i.test(word)) ?? plain[1];
  if (!typed) return no("That line has no URL. Gatepass talks to servers that have one.");
  const url = parseServerUrl(typed);
  if (!url.ok) return url;
  const name = plain.find((word) => word !== typed);
  return { ok: true, servers: [pasted(url.url, name, headers)] };
}

function fromJson(text: string): PasteResult {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith("{") ? text : `{${text.replace(/,\s*$/, "")}}`);
  } catch {
    return no("That looks like JSON, but it is not complete. Paste the whole snippet.");
  }
  if (!isObject(value)) return no("That JSON names no servers.");
  const list = value.mcpServers ?? value.servers ?? value;
  const entries: [string | undefined, unknown][] =
    isObject(list) && (typeof list.url === "string" || typeof list.serverUrl === "string")
      ? [[typeof list.name === "string" ? list.name : undefined, list]]
      : isObject(list)
        ? Object.entries(list)
        : [];
  const servers: Pasted[] = [];
  let local = 0;
  for (const [name, entry] of entries) {
    if (!isObject(entry)) continue;
    const typed = entry.url ?? entry.serverUrl ?? entry.httpUrl;
    if (typeof typed !== "string") {
      if (typeof entry.command === "string") local += 1;
      continue;
    }
    const url = parseServerUrl(typed);
    if (!url.ok) return no(name ? `${name}: ${url.reason}` : url.reason);
    const headers: Headers = {};
    if (isObject(entry.headers)) {
      for (const [key, header] of Object.entries(entry.headers)) if (typeof header === "string") headers[key] = header;
    }
    servers.push(pasted(url.url, name, headers));
  }
  if (servers.length > 0) return { ok: true, servers };
  if (local > 0) return no("Those servers are programs on your own machine. Gatepass talks to servers that have a URL.");
  return no("That JSON names no server with a URL.");
}

function pasted(url: string, name: string | undefined, headers: Headers): Pasted {
  return { url, ...(name ? { name } : {}), ...(Object.keys(headers).length > 0 ? { headers } : {}) };
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 1 ? ["", ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

function no(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}

/** A header name as RFC 9110 allows it, and none that the browser's request to the server already has. */
export function headerProblem(name: string, value: string): string | null {
  if (name === "" && value === "") return null;
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return "A header's name is one word, such as Authorization or X-API-Key.";
  if (/^(?:host|content-length|content-type|accept|connection|mcp-.*)$/i.test(name)) return `${name} is set by Gatepass itself.`;
  if (value.trim() === "") return "Enter the header's value.";
  if (/[\r\n\0]/.test(value)) return "A header's value is one line.";
  return null;
}
