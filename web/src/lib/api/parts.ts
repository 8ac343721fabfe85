// What a message is made of: parts as the AI SDK's UI messages have them, and ours (`data-…`).

import type { Json, JsonObject } from "./types";

export interface TextPart {
  type: "text";
  text: string;
  state?: "streaming" | "done";
}

export interface ReasoningPart {
  type: "reasoning";
  text: string;
  state?: "streaming" | "done";
}

/** A file that a person attached, its content in a data URL. */
export interface FilePart {
  type: "file";
  mediaType: string;
  filename?: string;
  url: string;
}

export interface ToolPart {
  type: "dynamic-tool";
  toolName: string;
  toolCallId: string;
  state: "input-streaming" | "input-available" | "output-available" | "output-error";
  input?: Json;
  output?: Json;
  errorText?: string;
  server?: string | null;
  title?: string | null;
  /** Where the call goes: `toolName` is only the model's name for it. */
  callProviderMetadata?: Json;
  /** When the call began to run, in Unix milliseconds. */
  startedAt?: number;
  /** How long it ran, without waiting for a person. */
  millis?: number;
  /** How far it says it is, while it runs. */
  progress?: ToolProgress;
}

export interface ToolProgress {
  progress: number;
  total: number | null;
  message: string | null;
}

/** What the questions have in common that a turn may wait for. */
export interface Ask {
  askId: string;
  state: AskState;
  /** Until when an answer is waited for, in Unix milliseconds. */
  deadline: number | null;
  toolCallIds: string[];
}

export type AskState = "waiting" | "answered" | "skipped" | "expired" | "stopped";

export interface AuthorizationNeed extends Partial<Ask> {
  server: string;
  url: string;
  reason: string;
  scopes?: string[];
  toolCallId?: string;
}

export interface AuthorizationPart {
  type: "data-authorization";
  id?: string;
  data: AuthorizationNeed;
}

/** May this call run? */
export interface Approval extends Ask {
  server: string;
  url: string;
  tool: string;
  title: string | null;
  arguments: JsonObject;
  reason: string;
  /** What the tool was when it was asked about. */
  definition: string | null;
  answer: string | null;
}

export interface ApprovalPart {
  type: "data-approval";
  id?: string;
  data: Approval;
}

/** A server asks the person something, in a form or on a page of its own. */
export interface Elicitation extends Ask {
  server: string;
  serverUrl: string;
  mode: "form" | "url";
  message: string;
  requestedSchema: JsonObject;
  /** For `url`: the page to open, after the person agreed. */
  url: string;
  answer: string | null;
}

export interface ElicitationPart {
  type: "data-elicitation";
  id?: string;
  data: Elicitation;
}

export interface NoticePart {
  type: "data-notice";
  data: { server?: string; level?: string; text: string };
}

export interface ErrorPart {
  type: "error";
  errorText: string;
}

/** A round of the turn begins: the model was asked. Nothing is shown for it. */
export interface StepPart {
  type: "step-start";
}

/** The turn was stopped here. */
export interface AbortedPart {
  type: "data-aborted";
  data: JsonObject;
}

export type Part =
  | TextPart
  | ReasoningPart
  | FilePart
  | ToolPart
  | AuthorizationPart
  | ApprovalPart
  | ElicitationPart
  | NoticePart
  | AbortedPart
  | StepPart
  | ErrorPart;

export interface Message {
  id: string;
  role: "user" | "assistant";
  parts: Part[];
  createdAt?: number;
  model?: string;
  /** What the page knows it by before the server has named it. */
  key?: string;
}
