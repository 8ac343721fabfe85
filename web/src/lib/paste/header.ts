/** Header name to value. */
type Headers = Record<string, string>;

/** A header name as RFC 9110 allows it, and none that the browser's request to the server already has. */
export function headerProblem(name: string, value: string): string | null {
  if (name === "" && value === "") return null;
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return "A header's name is one word, such as Authorization or X-API-Key.";
  if (/^(?:host|content-length|content-type|accept|connection|mcp-.*)$/i.test(name)) return `${name} is set by Gatepass itself.`;
  if (value.trim() === "") return "Enter the header's value.";
  if (/[\r\n\0]/.test(value)) return "A header's value is one line.";
  return null;
}

/** A value that only stands for one: `${API_KEY}`, `${input:key}`, `<your-token>`, `YOUR_API_KEY`. */
const placeholder = /\$\{[^}]*\}|\$[A-Z_]{3,}|<[^>]*>|\byour[-_ ][\w-]*/i;

/** Headers as a snippet has them; the names of those whose value the person must still fill in come apart. */
export function readHeaders(entries: [string, string][]): { headers: Headers; blanks: string[] } {
  const headers: Headers = {};
  const blanks: string[] = [];
  for (const [name, value] of entries) {
    if (placeholder.test(value)) blanks.push(name);
    else if (headerProblem(name, value) === null && name !== "") headers[name] = value;
  }
  return { headers, blanks };
}

/** `Name: value`, as curl and others take it. */
export function headerLine(line: string): [string, string] | null {
  const colon = line.indexOf(":");
  return colon < 1 ? null : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}
