import { describe, expect, it } from "vitest";
import { applyEvent, closeMessage, type Effect } from "../src/lib/api/stream";
import type { Message, StreamEvent } from "../src/lib/api/types";

function turn(events: StreamEvent[]): { message: Message; effects: Effect[] } {
  const message: Message = { id: "local", role: "assistant", parts: [] };
  const open = new Map();
  const effects = events.map((event) => applyEvent(message, event, open)).filter((effect) => effect !== null);
  return { message, effects };
}

describe("a streamed turn", () => {
  it("becomes a message with its texts, calls and results in order", () => {
    const gatepass = { server: "Notes", url: "https://a.example/mcp", tool: "search", title: "Search notes" };
    const { message, effects } = turn([
      { type: "start", messageId: "m1" },
      { type: "data-run", data: { runId: "r1", messageId: "q1" }, transient: true },
      { type: "start-step" },
      { type: "text-start", id: "t1" },
      { type: "text-delta", id: "t1", delta: "Let me " },
      { type: "text-delta", id: "t1", delta: "look." },
      { type: "text-end", id: "t1" },
      { type: "tool-input-start", toolCallId: "k1", toolName: "Notes__search", dynamic: true },
      { type: "tool-input-delta", toolCallId: "k1", inputTextDelta: '{"q"' },
      { type: "tool-input-available", toolCallId: "k1", toolName: "Notes__search", input: { q: "tea" }, dynamic: true, providerMetadata: { gatepass } },
      { type: "tool-output-available", toolCallId: "k1", output: { content: [{ type: "text", text: "2 notes" }] } },
      { type: "finish-step" },
      { type: "start-step" },
      { type: "text-start", id: "t1" },
      { type: "text-delta", id: "t1", delta: "Two." },
      { type: "text-end", id: "t1" },
      { type: "something-newer", data: 1 },
      { type: "finish" },
    ]);
    expect(message.id).toBe("m1");
    expect(message.parts).toMatchObject([
      { type: "text", text: "Let me look.", state: "done" },
      { type: "dynamic-tool", toolCallId: "k1", state: "output-available", input: { q: "tea" }, server: "Notes", title: "Search notes" },
      { type: "text", text: "Two.", state: "done" },
    ]);
    expect(effects).toMatchObject([{ kind: "run", runId: "r1", messageId: "q1" }, { kind: "finished" }]);
  });

  it("hands newer connections to whoever keeps them, and keeps them out of the message", () => {
    const { message, effects } = turn([{ type: "data-connection", id: "u", data: { server: "A", url: "https://a.example/mcp", connection: { id: "c" } }, transient: true }]);
    expect(effects).toEqual([{ kind: "connection", url: "https://a.example/mcp", connection: { id: "c" } }]);
    expect(message.parts).toEqual([]);
  });

  it("shows which server needs a sign-in and why", () => {
    const { message, effects } = turn([
      { type: "data-authorization", data: { server: "A", url: "https://a.example/mcp", reason: "scope-required", scopes: ["x", 7], toolCallId: "k1" } },
    ]);
    const need = { server: "A", url: "https://a.example/mcp", reason: "scope-required", scopes: ["x"], toolCallId: "k1" };
    expect(message.parts).toEqual([{ type: "data-authorization", data: need }]);
    expect(effects).toEqual([{ kind: "authorization", need }]);
  });

  it("shows failed calls, notices and the turn's own failure", () => {
    const { message } = turn([
      { type: "tool-input-start", toolCallId: "k1", toolName: "A__x", dynamic: true },
      { type: "tool-output-error", toolCallId: "k1", errorText: "It broke." },
      { type: "data-notice", data: { server: "A", level: "warning", text: "A is slow." } },
      { type: "error", errorText: "The model does not answer." },
    ]);
    expect(message.parts).toMatchObject([
      { type: "dynamic-tool", state: "output-error", errorText: "It broke." },
      { type: "data-notice", data: { text: "A is slow." } },
      { type: "error", errorText: "The model does not answer." },
    ]);
  });

  it("survives events of a wrong form", () => {
    const events: StreamEvent[] = [
      { type: "text-delta", id: "never-started", delta: "kept" },
      { type: "text-delta" },
      { type: "tool-output-available" },
      { type: "data-connection", data: "x" },
      { type: "data-authorization", data: { server: "A" } },
      { type: "data-notice", data: null },
      { type: "data-run", data: {} },
    ];
    expect(() => turn(events)).not.toThrow();
    expect(turn(events.slice(0, 1)).message.parts).toMatchObject([{ type: "text", text: "kept" }]);
  });

  it("that breaks off leaves nothing running", () => {
    const { message } = turn([
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "Half" },
      { type: "tool-input-available", toolCallId: "k1", toolName: "A__x", input: {}, dynamic: true },
      { type: "tool-input-available", toolCallId: "k2", toolName: "A__y", input: {}, dynamic: true },
      { type: "tool-output-available", toolCallId: "k2", output: {} },
    ]);
    closeMessage(message, "Stopped.");
    expect(message.parts).toMatchObject([
      { type: "text", text: "Half", state: "done" },
      { state: "output-error", errorText: "Stopped." },
      { state: "output-available" },
    ]);
  });
});
