// The JSON shapes of Gatepass's HTTP API, in one place; what a message is made of is in parts.ts.

import type { Message } from "./parts";

export type * from "./parts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Header name to value, such as an API key the user was given. */
export type Headers = Record<string, string>;

/** A sealed connection: the page carries it and cannot read it; only `sealed` is believed by the server. */
export interface Connection {
  id: string;
  sealed: string;
  resource: string;
  issuer: string;
  scopes: string[];
  /** Unix milliseconds; `null` when the authorization server did not say. */
  expiresAt: number | null;
  refreshable: boolean;
  /** Each refresh makes the next; the highest is the truth. */
  generation: number;
  registration: "preregistered" | "metadata-document" | "dynamic" | "manual";
}

export type Action = "retry" | "authorize" | "enter-client" | "ask-admin" | "none";
export type Actor = "you" | "admin" | "vendor" | "nobody";

export interface ReportStep {
  name: string;
  request: string | null;
  status: number | null;
  millis: number;
  rule: string;
  verdict: "ok" | "miss" | "failed" | "info";
  note: string | null;
}

export interface Report {
  steps: ReportStep[];
  summary: string | null;
  actor: Actor | null;
}

/** RFC 9457 problem details, with Gatepass's members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  action: Action;
  report?: Report;
  scopes?: string[];
  issuer?: string;
  redirectUri?: string;
}

export type AttachmentKind = "text" | "image";

export interface Model {
  id: string;
  label: string;
  demo?: boolean;
  /** What may be attached to a message for it. */
  attachments?: AttachmentKind[];
}

/** What a message may hold. */
export interface MessageLimits {
  messageBytes: number;
  attachmentBytes: number;
  attachments: number;
}

/** Whether a tool's calls run at once, only when the person says so, not at all, or are not even offered. */
export type ToolPolicy = "always" | "ask" | "never" | "off";

/** The person's rule for a tool; with the definition it was made for, a changed tool asks again. */
export interface ToolRule {
  policy: ToolPolicy;
  definition?: string;
}

export type ToolRules = Record<string, ToolRule>;

export interface PresetServer {
  name: string;
  url: string;
  description?: string;
}

export interface Config {
  version: string;
  models: Model[];
  servers: PresetServer[];
  features: Record<string, boolean>;
  redirectUri: string;
  publicUrl: string;
  limits?: MessageLimits;
}

export type RegistrationRung = "preregistered" | "metadata-document" | "dynamic" | "client-required";

export interface ProtectedDiscovery {
  requiresAuth: true;
  resource: string;
  issuer: string;
  authorizationServers: string[];
  registration: RegistrationRung;
  redirectUri: string;
  scopes: string[];
  report: Report;
}

export interface OpenDiscovery {
  requiresAuth: false;
  probeStatus: number;
  report: Report;
}

export type Discovery = ProtectedDiscovery | OpenDiscovery;

export interface StartRequest {
  url: string;
  mode: "popup" | "redirect";
  issuer?: string;
  client?: { clientId: string; clientSecret?: string };
  scopes?: string[];
  returnTo?: string;
  connection?: Connection;
}

export interface StartAnswer {
  flowId: string;
  authorizationUrl: string;
  expiresAt: number;
}

export interface FlowAnswer {
  status: "pending" | "authorized" | "failed";
  connection?: Connection;
  problem?: Problem;
}

export interface RevokeAnswer {
  revoked: boolean;
  reason?: string;
}

/** What a call to a server needs to reach it. */
export interface Target {
  url: string;
  headers?: Headers;
  connection?: Connection;
}

export interface Tool {
  name: string;
  title?: string;
  description?: string;
  inputSchema: JsonObject;
  annotations?: {
    title?: string;
    readOnlyHint?: boolean;
    destructiveHint?: boolean;
    idempotentHint?: boolean;
    openWorldHint?: boolean;
  };
}

export interface ToolsAnswer {
  server: { name: string; version?: string; title?: string };
  protocolVersion: string;
  tools: Tool[];
  connection?: Connection;
}

export interface CallAnswer {
  content: Json[];
  structuredContent?: Json;
  isError: boolean;
  connection?: Connection;
}

export interface ConversationSummary {
  id: string;
  title: string;
  createdAt: number;
  updatedAt: number;
}

/** A conversation in the list; a search also says where its words were found. */
export interface FoundConversation extends ConversationSummary {
  excerpt?: string;
}

export interface Conversation extends ConversationSummary {
  messages: Message[];
  /** The turn under way, to come back to. */
  runId?: string;
}

/** A file that goes with a message; its content in base64. */
export interface Attachment {
  filename: string;
  mediaType: string;
  data: string;
}

/** A server of a turn, with what its tools may do without asking. */
export type TurnServer = Target & { name: string; tools?: ToolRules };

export interface SendRequest {
  text: string;
  model: string;
  servers: TurnServer[];
  attachments?: Attachment[];
  /** The message whose place it takes; everything after that one goes as well. */
  replaces?: string;
}

/** What the person decided about the questions of a turn that waits, by their ids. */
export interface ResumeRequest {
  servers?: TurnServer[];
  answers?: Record<string, { action: string; content?: JsonObject }>;
}

/** One event of the UI message stream, before anything is known about it but its type. */
export interface StreamEvent {
  type: string;
  [key: string]: Json | undefined;
}
