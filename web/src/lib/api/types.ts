// The JSON shapes of Gatepass's HTTP API, in one place.

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

export interface Model {
  id: string;
  label: string;
  demo?: boolean;
}

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

export interface Conversation extends ConversationSummary {
  messages: Message[];
}

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
}

export interface AuthorizationNeed {
  server: string;
  url: string;
  reason: string;
  scopes?: string[];
  toolCallId?: string;
}

export interface AuthorizationPart {
  type: "data-authorization";
  data: AuthorizationNeed;
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

export type Part = TextPart | ReasoningPart | ToolPart | AuthorizationPart | NoticePart | AbortedPart | StepPart | ErrorPart;

export interface Message {
  id: string;
  role: "user" | "assistant";
  parts: Part[];
  createdAt?: number;
  model?: string;
}

export interface SendRequest {
  text: string;
  model: string;
  servers: (Target & { name: string })[];
}

/** One event of the UI message stream, before anything is known about it but its type. */
export interface StreamEvent {
  type: string;
  [key: string]: Json | undefined;
}
