import { isObject } from "./problem";
import type { Ask, AskState, AuthorizationNeed, Json, JsonObject, Message, StreamEvent, TextPart, ReasoningPart, ToolPart } from "./types";

/** What a stream event means beyond the message it is about. */
export type Effect =
  | { kind: "run"; runId: string; messageId: string | null }
  | { kind: "waiting"; deadline: number | null }
  | { kind: "connection"; url: string; connection: Json }
  | { kind: "authorization"; need: AuthorizationNeed }
  | { kind: "finished" };

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
      return null;
    }
    case "tool-output-available": {
      const part = tool(message, event, "output-available");
      part.output = event.output ?? null;
      part.state = "output-available";
      delete part.progress;
      return null;
    }
    case "tool-input-error":
    case "tool-output-error": {
      const part = tool(message, event, "output-error");
      if (event.input !== undefined) part.input = event.input;
      part.errorText = text("errorText") || "The call failed.";
      part.state = "output-error";
      delete part.progress;
      return null;
    }
    case "finish":
      return { kind: "finished" };
    case "error":
      message.parts.push({ type: "error", errorText: text("errorText") || "The turn failed." });
      return { kind: "finished" };
    case "abort":
      message.parts.push({ type: "data-aborted", data: {} });
      return { kind: "finished" };
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
      return authorization(message, event);
    case "data-approval":
      return approval(message, event);
    case "data-elicitation":
      return elicitation(message, event);
    case "data-waiting":
      return isObject(event.data) ? { kind: "waiting", deadline: number(event.data.deadline) } : null;
    case "data-timing":
      timing(message, event.data);
      return null;
    case "data-progress":
      progress(message, event.data);
      return null;
    case "data-connection":
      return isObject(event.data) && typeof event.data.url === "string"
        ? { kind: "connection", url: event.data.url, connection: event.data.connection ?? null }
        : null;
    case "data-run":
      return isObject(event.data) && typeof event.data.runId === "string" 
        ? { kind: "run", runId: event.data.runId, messageId: string(event.data.messageId) }
        : null;
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

/** What the server says of a call that was stopped; it is not a failure. */
export const stopped = "The call was stopped.";

/** Whether a message ends in the middle: a text or a call in it was never finished. */
export function isOpen(message: Message): boolean {
  return message.parts.some(
    (part) =>
      ((part.type === "text" || part.type === "reasoning") && part.state === "streaming") ||
      (part.type === "dynamic-tool" && (part.state === "input-streaming" || part.state === "input-available")),
  );
}

/** The questions of a message that wait for the person. */
export function waitingAsks(message: Message): Ask[] {
  return message.parts.flatMap((part) =>
    (part.type === "data-authorization" || part.type === "data-approval" || part.type === "data-elicitation") && part.data.askId && part.data.state === "waiting"
      ? [part.data as Ask]
      : [],
  );
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

function authorization(message: Message, event: StreamEvent): Effect | null {
  const data = event.data;
  if (!isObject(data) || typeof data.url !== "string") return null;
  const need: AuthorizationNeed = {
    ...(typeof data.askId === "string" ? ask(data) : {}),
    server: string(data.server) ?? data.url,
    url: data.url,
    reason: string(data.reason) ?? "",
    ...(Array.isArray(data.scopes) ? { scopes: data.scopes.filter((scope) => typeof scope === "string") } : {}),
    ...(typeof data.toolCallId === "string" ? { toolCallId: data.toolCallId } : {}),
  };
  put(message, { type: "data-authorization", ...named(event), data: need });
  return { kind: "authorization", need };
}

function approval(message: Message, event: StreamEvent): null {
  const data = event.data;
  if (!isObject(data) || typeof data.askId !== "string") return null;
  put(message, {
    type: "data-approval",
    ...named(event),
    data: {
      ...ask(data),
      server: string(data.server) ?? "A server",
      url: string(data.url) ?? "",
      tool: string(data.tool) ?? "a tool",
      title: string(data.title),
      arguments: isObject(data.arguments) ? data.arguments : {},
      reason: string(data.reason) ?? "",
      definition: string(data.definition),
      answer: string(data.answer),
    },
  });
  return null;
}

function elicitation(message: Message, event: StreamEvent): null {
  const data = event.data;
  if (!isObject(data) || typeof data.askId !== "string") return null;
  put(message, {
    type: "data-elicitation",
    ...named(event),
    data: {
      ...ask(data),
      server: string(data.server) ?? "A server",
      serverUrl: string(data.serverUrl) ?? "",
      mode: data.mode === "url" ? "url" : "form",
      message: string(data.message) ?? "",
      requestedSchema: isObject(data.requestedSchema) ? data.requestedSchema : {},
      url: string(data.url) ?? "",
      answer: string(data.answer),
    },
  });
  return null;
}

const askStates: readonly string[] = ["waiting", "answered", "skipped", "expired", "stopped"];

function ask(data: JsonObject): Ask {
  return {
    askId: string(data.askId) ?? "",
    // A state that this page does not know is none that it has buttons for.
    state: askStates.includes(String(data.state)) ? (data.state as AskState) : "stopped",
    deadline: number(data.deadline),
    toolCallIds: Array.isArray(data.toolCallIds) ? data.toolCallIds.filter((id) => typeof id === "string") : [],
  };
}

/** Adds a part, or puts it in the place of the one with its type and id. */
function put(message: Message, part: Message["parts"][number] & { id?: string }): void {
  const at = part.id === undefined ? -1 : message.parts.findIndex((own) => own.type === part.type && "id" in own && own.id === part.id);
  if (at < 0) message.parts.push(part);
  else message.parts[at] = part;
}

function named(event: StreamEvent): { id?: string } {
  return typeof event.id === "string" ? { id: event.id } : {};
}

function timing(message: Message, data: Json | undefined): void {
  const part = isObject(data) ? call(message, data.toolCallId) : null;
  if (!part || !isObject(data)) return;
  const { startedAt, millis } = data;
  if (typeof startedAt === "number") part.startedAt = startedAt;
  if (typeof millis === "number") part.millis = millis;
}

function progress(message: Message, data: Json | undefined): void {
  const part = isObject(data) ? call(message, data.toolCallId) : null;
  if (!part || !isObject(data) || typeof data.progress !== "number") return;
  part.progress = { progress: data.progress, total: number(data.total), message: string(data.message) };
}

function call(message: Message, id: Json | undefined): ToolPart | null {
  return message.parts.find((part): part is ToolPart => part.type === "dynamic-tool" && part.toolCallId === id) ?? null;
}

function string(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}
