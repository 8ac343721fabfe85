import { describe, expect, it } from "vitest";
import { EventSplitter, readEvents } from "../src/lib/api/sse";

const bytes = new TextEncoder();

function stream(chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? bytes.encode(chunk) : chunk);
      controller.close();
    },
  });
}

async function all(chunks: (string | Uint8Array)[]): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const batch of readEvents(stream(chunks))) events.push(...batch);
  return events;
}

const turn = 'data: {"type":"start"}\n\n: still here\n\nevent: x\nid: 7\ndata:{"type":"text-delta","delta":"Grüße 👋"}\r\n\r\ndata: {"type":"finish"}\r\rdata: [DONE]\n\n';
const turnEvents = [{ type: "start" }, { type: "text-delta", delta: "Grüße 👋" }, { type: "finish" }];

describe("an event stream", () => {
  it("is read whatever its line endings, comments and other fields", async () => {
    expect(await all([turn])).toEqual(turnEvents);
  });

  it("is read the same wherever it is cut, within a character too", async () => {
    const whole = bytes.encode(turn);
    for (let cut = 1; cut < whole.length; cut += 1) {
      expect(await all([whole.slice(0, cut), whole.slice(cut)]), `cut at ${cut}`).toEqual(turnEvents);
    }
    expect(await all([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(turnEvents);
  });

  it("joins the data lines of one event", () => {
    expect(new EventSplitter().push("data: a\ndata:\ndata:  b\n\n")).toEqual(["a\n\n b"]);
  });

  it("loses one unreadable event, not the turn", async () => {
    expect(await all(['data: {"type":\n\ndata: 7\n\ndata: {"kind":"x"}\n\ndata: {"type":"finish"}\n\ndata: [DONE]\n\n'])).toEqual([{ type: "finish" }]);
  });

  it("that ends before it is complete says so, after what arrived", async () => {
    const events: unknown[] = [];
    const reading = (async () => {
      for await (const batch of readEvents(stream(['data: {"type":"start"}\n\ndata: {"type":"fin']))) events.push(...batch);
    })();
    await expect(reading).rejects.toThrow("ended before it was complete");
    expect(events).toEqual([{ type: "start" }]);
  });

  it("ignores what follows its end", async () => {
    expect(await all(['data: [DONE]\n\ndata: {"type":"start"}\n\n'])).toEqual([]);
  });

  it("does not gather an endless event", () => {
    const splitter = new EventSplitter();
    const mebibyte = "x".repeat(1024 * 1024);
    expect(() => {
      for (let count = 0; count < 32; count += 1) splitter.push(mebibyte);
    }).toThrow("too large");
  });

  it("is let go when its reader stops early", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes.encode('data: {"type":"start"}\n\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const _ of readEvents(endless)) break;
    expect(cancelled).toBe(true);
  });
});
