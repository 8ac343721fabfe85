import { headerLine, readHeaders } from "./header";
import { fromJson } from "./json";
import type { PasteResult } from "./paste";
import { parseServerUrl } from "./url";

/** Options of these programs that take a value of their own. */
const withValue = new Set(["-t", "--transport", "-s", "--scope", "-e", "--env", "--client-id", "--callback-port", "--timeout", "--trust"]);

/** A line such as `claude mcp add --transport http linear https://mcp.linear.app/mcp`, continued lines included. */
export function fromCommand(text: string): PasteResult {
  const words = wordsOf(text.replace(/\\\r?\n/g, " "));
  const json = words.find((word) => word.startsWith("{"));
  if (json && /(?:^|\s)(?:mcp\s+add-json|--add-mcp)\b/.test(text)) {
    const name = words[words.indexOf("add-json") + 1];
    return named(fromJson(json), words.includes("add-json") ? name : undefined);
  }
  const rest = words.slice(words.indexOf("add") + 1);
  const headers: [string, string][] = [];
  const plain: string[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    if (word === "--") return no("That line starts a program on your own machine. Gatepass talks to servers that have a URL.");
    const glued = /^--header=(.*)$/s.exec(word)?.[1];
    if (word === "-H" || word === "--header" || glued !== undefined) {
      const line = headerLine(glued ?? rest[(at += 1)] ?? "");
      if (line) headers.push(line);
    } else if (withValue.has(word)) {
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
  const read = readHeaders(headers);
  return {
    ok: true,
    servers: [
      {
        url: url.url,
        ...(name ? { name } : {}),
        ...(Object.keys(read.headers).length > 0 ? { headers: read.headers } : {}),
        ...(read.blanks.length > 0 ? { blanks: read.blanks } : {}),
      },
    ],
    skipped: [],
  };
}

/** Cuts a line as a shell would, as far as pasted lines need it. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:[^\s"']+|"(?:\\.|[^"\\])*"|'[^']*')+/g) ?? [];
  return words.map((word) => word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_, double: string | undefined, single: string | undefined) => double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? ""));
}

function named(result: PasteResult, name: string | undefined): PasteResult {
  if (!result.ok || !name) return result;
  return { ...result, servers: result.servers.map((server) => ({ name, ...server })) };
}

function no(reason: string): PasteResult {
  return { ok: false, reason };
}
