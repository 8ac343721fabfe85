// The JSON shapes of Gatepass's HTTP API by the names the page has for them. They are made from the API's description
// (schema.ts); only what the description leaves open is said here. What a message is made of is in parts.ts.

import type { Message } from "./parts";
import type { components } from "./schema";

export type * from "./parts";

type Schemas = components["schemas"];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Header name to value, such as an API key the user was given. */
export type Headers = Record<string, string>;

/** A sealed connection: the page carries it and cannot read it; only `sealed` is believed by the server. */
export type Connection = Required<Schemas["Connection"]>;

export type Action = Schemas["Action"];
export type Actor = Schemas["Actor"];
export type ReportStep = Required<Schemas["Step"]>;
export type Report = Required<Omit<Schemas["Report"], "steps">> & { steps: ReportStep[] };

/** RFC 9457 problem details, with Gatepass's members and those of single kinds. */
export type Problem = Omit<Schemas["Problem"], "report"> & {
  report?: Report;
  scopes?: string[];
  issuer?: string;
  redirectUri?: string;
};

export type AttachmentKind = "text" | "image";

export type Model = Omit<Schemas["ModelAnswer"], "attachments"> & {
  /** What may be attached to a message for it. */
  attachments?: AttachmentKind[];
};

/** What a message may hold. */
export type MessageLimits = Schemas["MessageLimits"];

/** Whether a tool's calls run at once, only when the person says so, not at all, or are not even offered. */
export type ToolPolicy = "always" | "ask" | "never" | "off";

/** The person's rule for a tool; with the definition it was made for, a changed tool asks again. */
export interface ToolRule {
  policy: ToolPolicy;
  definition?: string;
}

export type ToolRules = Record<string, ToolRule>;

export type PresetServer = Schemas["ServerAnswer"];

export type Config = Omit<Schemas["ConfigAnswer"], "models" | "limits"> & { models: Model[]; limits?: MessageLimits };

export type RegistrationRung = Schemas["Rung"];
export type ProtectedDiscovery = Omit<Schemas["ProtectedAnswer"], "report"> & { report: Report };
export type OpenDiscovery = Omit<Schemas["OpenAnswer"], "report"> & { report: Report };
export type Discovery = ProtectedDiscovery | OpenDiscovery;

export type StartRequest = Omit<Schemas["StartRequest"], "connection"> & { connection?: Connection };
export type StartAnswer = Schemas["StartAnswer"];

export interface FlowAnswer {
  status: "pending" | "authorized" | "failed";
  connection?: Connection;
  problem?: Problem;
}

export type RevokeAnswer = Schemas["RevokeAnswer"];

/** What a call to a server needs to reach it. */
export type Target = Pick<Schemas["ServerRequest"], "url" | "sealedHeaders"> & { connection?: Connection };

export type Tool = Omit<Schemas["Tool"], "inputSchema" | "annotations"> & {
  inputSchema: JsonObject;
  annotations?: {
    title?: string;
    readOnlyHint?: boolean;
    destructiveHint?: boolean;
    idempotentHint?: boolean;
    openWorldHint?: boolean;
  };
  /** A hash of what the tool says about itself, to notice when that changes. */
  definition?: string;
};

export type ToolsAnswer = Omit<Schemas["ToolsAnswer"], "tools" | "connection"> & { tools: Tool[]; connection?: Connection };

export type CallAnswer = Omit<Schemas["CallAnswer"], "content" | "structuredContent" | "connection"> & {
  content: Json[];
  structuredContent?: Json;
  connection?: Connection;
};

export type ConversationSummary = Schemas["Conversation"];

/** A conversation in the list; a search also says where its words were found. */
export type FoundConversation = Schemas["Found"];

export type Conversation = Omit<Schemas["ConversationAnswer"], "messages"> & { messages: Message[] };

/** A file that goes with a message; its content in base64. */
export type Attachment = Required<Schemas["AttachmentRequest"]>;

/** A server of a turn, with what its tools may do without asking. */
export type TurnServer = Target & { name: string; tools?: ToolRules };

export type SendRequest = Omit<Schemas["MessageRequest"], "servers"> & { servers: TurnServer[] };

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
