import { isObject } from "./problem";
import type { AuthorizationNeed, Json, Message, StreamEvent, TextPart, ReasoningPart, ToolPart } from "./types";

/** What a stream event means beyond the message it is about. */
export type Effect =
  | { kind: "run"; runId: string }
  | { kind: "connection"; url: string; connection: Json }
  | { kind: "authorization"; need: AuthorizationNeed }
  | { kind: "tool-began"; id: string }
  | { kind: "tool-ended"; id: string };

/** Which text part of the message an open `text-start` id means. */
export type OpenTexts = Map<string, TextPart | ReasoningPart>;

/**
 * Applies one event of the UI message stream to the assistant's message. Unknown events are skipped: a newer server may
 * send more than this page knows.
 */
export function applyEvent(message: Message, event: StreamEvent, open: OpenTexts): Effect | null {
  const text = (key: string) => (typeof event[key] === "string" ? event[key] : "");
  switch (event.type) {
    case "start":
      if (text("messageId")) message.id = text("messageId");
      return null;
    case "text-start":
      return start(message, open, `text ${text("id")}`, "text");
    case "reasoning-start":
      return start(message, open, `reasoning ${text("id")}`, "reasoning");
    case "text-delta":
      return delta(message, open, `text ${text("id")}`, "text", text("delta"));
    case "reasoning-delta":
      return delta(message, open, `reasoning ${text("id")}`, "reasoning", text("delta"));
    case "text-end":
      return end(open, `text ${text("id")}`);
    case "reasoning-end":
      return end(open, `reasoning ${text("id")}`);
    case "tool-input-start":
      tool(message, event, "input-streaming");
      return null;
    case "tool-input-available": {
      const part = tool(message, event, "input-available");
      part.input = event.input ?? {};
      part.state = "input-available";
      return { kind: "tool-began", id: part.toolCallId };
    }
    case "tool-output-available": {
      const part = tool(message, event, "output-available");
      part.output = event.output ?? null;
      part.state = "output-available";
      return { kind: "tool-ended", id: part.toolCallId };
    }
    case "tool-input-error":
    case "tool-output-error": {
      const part = tool(message, event, "output-error");
      if (event.input !== undefined) part.input = event.input;
      part.errorText = text("errorText") || "The call failed.";
      part.state = "output-error";
      return { kind: "tool-ended", id: part.toolCallId };
    }
    case "error":
      message.parts.push({ type: "error", errorText: text("errorText") || "The turn failed." });
      return null;
    case "abort":
      message.parts.push({ type: "data-aborted", data: {} });
      return null;
    case "data-notice":
      if (isObject(event.data) && typeof event.data.text === "string") {
        const { server, level } = event.data;
        message.parts.push({
          type: "data-notice",
          data: {
            text: event.data.text,
            ...(typeof server === "string" ? { server } : {}),
            ...(typeof level === "string" ? { level } : {}),
          },
        });
      }
      return null;
    case "data-authorization":
      return authorization(message, event.data);
    case "data-connection":
      return isObject(event.data) && typeof event.data.url === "string"
        ? { kind: "connection", url: event.data.url, connection: event.data.connection ?? null }
        : null;
    case "data-run":
      return isObject(event.data) && typeof event.data.runId === "string" ? { kind: "run", runId: event.data.runId } : null;
    default:
      return null;
  }
}

/** What to call a tool: its title, else its name at its server, else what the model calls it. */
export function toolTitle(part: ToolPart): string {
  if (part.title) return part.title;
  const ours = isObject(part.callProviderMetadata) ? part.callProviderMetadata.gatepass : null;
  if (isObject(ours) && typeof ours.tool === "string") return ours.tool;
  return part.toolName.split("__").pop() ?? part.toolName;
}

/** Ends what a stream left open: texts stop streaming, calls without a result say so. */
export function closeMessage(message: Message, reason: string): void {
  for (const part of message.parts) {
    if (part.type === "text" || part.type === "reasoning") part.state = "done";
    else if (part.type === "dynamic-tool" && (part.state === "input-streaming" || part.state === "input-available")) {
      part.state = "output-error";
      part.errorText = reason;
    }
  }
}

function start(message: Message, open: OpenTexts, key: string, type: "text" | "reasoning"): null {
  message.parts.push({ type, text: "", state: "streaming" });
  // Read back, so that later deltas change the part that the page watches.
  const part = message.parts[message.parts.length - 1];
  if (part?.type === type) open.set(key, part as TextPart | ReasoningPart);
  return null;
}

function delta(message: Message, open: OpenTexts, key: string, type: "text" | "reasoning", text: string): null {
  if (!open.has(key)) start(message, open, key, type);
  const part = open.get(key);
  if (part) part.text += text;
  return null;
}

function end(open: OpenTexts, key: string): null {
  const part = open.get(key);
  if (part) part.state = "done";
  open.delete(key);
  return null;
}

function tool(message: Message, event: StreamEvent, state: ToolPart["state"]): ToolPart {
  const id = typeof event.toolCallId === "string" ? event.toolCallId : "";
  const known = message.parts.find((part): part is ToolPart => part.type === "dynamic-tool" && part.toolCallId === id);
  const details: Partial<ToolPart> = {};
  if (typeof event.toolName === "string") details.toolName = event.toolName;
  if (isObject(event.providerMetadata)) {
    details.callProviderMetadata = event.providerMetadata;
    const { server, title } = isObject(event.providerMetadata.gatepass) ? event.providerMetadata.gatepass : {};
    if (typeof server === "string") details.server = server;
    if (typeof title === "string") details.title = title;
  }
  if (known) return Object.assign(known, details);
  message.parts.push({ type: "dynamic-tool", toolName: "tool", ...details, toolCallId: id, state });
  return message.parts[message.parts.length - 1] as ToolPart;
}

function authorization(message: Message, data: Json | undefined): Effect | null {
  if (!isObject(data) || typeof data.url !== "string") return null;
  const need: AuthorizationNeed = {
    server: typeof data.server === "string" ? data.server : data.url,
    url: data.url,
    reason: typeof data.reason === "string" ? data.reason : "",
    ...(Array.isArray(data.scopes) ? { scopes: data.scopes.filter((scope) => typeof scope === "string") } : {}),
    ...(typeof data.toolCallId === "string" ? { toolCallId: data.toolCallId } : {}),
  };
  message.parts.push({ type: "data-authorization", data: need });
  return { kind: "authorization", need };
}
