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
  /** Up to where the rest has no line ending. */
  #searched = 0;
  #data: string[] = [];
  #size = 0;

  push(chunk: string): string[] {
    const events: string[] = [];
    const text = this.#rest + chunk;
    const ending = /\r\n|\r(?!$)|\n/g;
    ending.lastIndex = this.#searched;
    let begin = 0;
    for (let found = ending.exec(text); found !== null; found = ending.exec(text)) {
      this.#line(text.slice(begin, found.index), events);
      begin = ending.lastIndex;
    }
    this.#rest = text.slice(begin);
    // A carriage return at the very end may be half of a CRLF: it is looked at again with what follows.
    this.#searched = this.#rest.length - (this.#rest.endsWith("\r") ? 1 : 0);
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

/** The server says something every 15 seconds; a connection silent for longer than this is dead. */
const patience = 45_000;

/**
 * Reads a UI message stream. Yields the events that arrived together; ends at `[DONE]`.
 * Throws if the connection breaks or falls silent, and if it ends before `[DONE]`.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const splitter = new EventSplitter();
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read());
      const events: StreamEvent[] = [];
      let over = false;
      for (const data of splitter.push(done ? `${decoder.decode()}\n\n` : decoder.decode(value, { stream: true }))) {
        over = data === "[DONE]";
        if (over) break;
        const event = parseEvent(data);
        if (event) events.push(event);
      }
      if (events.length > 0) yield events;
      if (over) return;
      if (done) throw new Error("The answer ended before it was complete.");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The connection has fallen silent.")), patience);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
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
