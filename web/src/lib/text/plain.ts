// Text from outside, made fit to be shown: what a terminal would obey and what makes text look like other text is left out.

/** ANSI escape sequences (ECMA-48): colours, cursor movements, window titles. */
const ansi = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|\[[0-?]*[ -/]*[@-~]?|[ -/]*[0-~]?)/g;

/** Controls but for tab and line ends, and the letters that turn the direction of what follows them. */
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Text of any length and number of lines. */
export function plainText(text: string): string {
  return text.replace(ansi, "").replace(/\r\n?/g, "\n").replace(controls, "");
}

/** A name or a sentence: one line, at most so many letters. */
export function plainLine(text: string, most = 200): string {
  // Cut first: the rest may be a megabyte.
  const line = plainText(text.slice(0, most * 4)).replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1).trimEnd()}…` : line;
}
