import { isObject } from "./problem";
import type { StreamEvent } from "./types";

/** One event's data may hold a large tool result, but not fill the tab's memory. */
const longest = 16 * 1024 * 1024;

/**
 * Cuts an event stream into the data of its events (the WHATWG rules): any line ending, chunks cut anywhere,
 * comments and other fields skipped, several data lines joined.
 */
export class EventSplitter {
  #rest = "";
  #data: string[] = [];
  #size = 0;

  push(chunk: string): string[] {
    const events: string[] = [];
    this.#rest += chunk;
    for (;;) {
      const end = this.#rest.search(/[\r\n]/);
      if (end < 0) break;
      // A carriage return at the very end may be half of a CRLF: wait for the rest.
      if (this.#rest[end] === "\r" && end === this.#rest.length - 1) break;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith("\r\n", end) ? 2 : 1));
      this.#line(line, events);
    }
    if (this.#rest.length + this.#size > longest) throw new Error("An event of the stream is too large.");
    return events;
  }

  #line(line: string, events: string[]): void {
    if (line === "") {
      if (this.#data.length > 0) events.push(this.#data.join("\n"));
      this.#data = [];
      this.#size = 0;
    } else if (line.startsWith("data:")) {
      const value = line.slice(line[5] === " " ? 6 : 5);
      this.#data.push(value);
      this.#size += value.length;
    }
  }
}

/**
 * Reads a UI message stream. Yields each event that parses; ends at `[DONE]`.
 * Throws if the connection breaks, and if it ends before `[DONE]`.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const splitter = new EventSplitter();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      for (const data of splitter.push(done ? `${decoder.decode()}\n\n` : decoder.decode(value, { stream: true }))) {
        if (data === "[DONE]") return;
        const event = parseEvent(data);
        if (event) yield event;
      }
      if (done) throw new Error("The answer ended before it was complete.");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** One unreadable event must not end a turn. */
function parseEvent(data: string): StreamEvent | null {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) && typeof value.type === "string" ? (value as StreamEvent) : null;
  } catch {
    return null;
  }
}
