import { isLoopback } from "../text/host";

export type UrlReading = { ok: true; url: string } | { ok: false; reason: string };

/** Longest URL taken. */
const longest = 4096;

/** Makes an MCP server's URL out of what was typed; what it is exactly is decided by the server. */
export function parseServerUrl(input: string): UrlReading {
  const text = input.trim().replace(/^[<"'`]+/, "").replace(/[>"'`,;]+$/, "").trim();
  if (text.length > longest) return no("That is too long for a URL.");
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

function no(reason: string): UrlReading {
  return { ok: false, reason };
}
