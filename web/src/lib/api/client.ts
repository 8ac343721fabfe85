import { plainLine, plainText } from "../text/plain";
import { ApiError, offlineProblem, parseProblem, problemOf } from "./problem";
import type {
  CallAnswer,
  Config,
  Connection,
  Conversation,
  ConversationSummary,
  FoundConversation,
  Discovery,
  FlowAnswer,
  Headers,
  JsonObject,
  ResumeRequest,
  RevokeAnswer,
  SendRequest,
  StartAnswer,
  StartRequest,
  Target,
  Tool,
  ToolsAnswer,
} from "./types";
import { readProgress, type StepEvent } from "./progress";
import { readEvents } from "./sse";

/** A description is written for a model and may be a book. */
const longestDescription = 20_000;

type Listener = (url: string, connection: Connection) => void;

let listener: Listener = () => {};

/** Is told of every connection that an answer carries, with the URL of the server it is for. */
export function onConnection(heard: Listener): void {
  listener = heard;
}

async function request(method: string, path: string, body?: unknown, signal?: AbortSignal, accept?: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...(accept ? { accept } : {}) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(offlineProblem());
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(method, path, body, signal);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(parseProblem(null, response.status));
  }
}

function carried<T extends { connection?: Connection }>(url: string, answer: T): T {
  if (answer.connection) listener(url, answer.connection);
  return answer;
}

export const getConfig = () => json<Config>("GET", "/api/config");

export const discover = (url: string, signal?: AbortSignal) =>
  json<Discovery>("POST", "/api/mcp/oauth/discover", { url }, signal);

/** As `discover`, telling each step while it happens. */
export async function discoverWatched(url: string, heard: (step: StepEvent) => void, signal: AbortSignal): Promise<Discovery> {
  const response = await request("POST", "/api/mcp/oauth/discover", { url }, signal, "text/event-stream");
  try {
    if (response.body) {
      for await (const events of readEvents(response.body)) {
        for (const event of events) {
          const end = readProgress(event, heard);
          if (end) return end;
        }
      }
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  throw new ApiError(offlineProblem());
}

/** Seals an API key for one server; what is kept in the browser is of no use to anybody else. */
export const sealHeaders = async (url: string, headers: Headers, signal?: AbortSignal) =>
  (await json<{ sealedHeaders: string }>("POST", "/api/mcp/headers/seal", { url, headers }, signal)).sealedHeaders;

export const startFlow = (body: StartRequest) => json<StartAnswer>("POST", "/api/mcp/oauth/start", body);

export const readFlow = (id: string, wait: number, signal?: AbortSignal) =>
  json<FlowAnswer>("GET", `/api/mcp/oauth/flows/${encodeURIComponent(id)}${wait > 0 ? `?wait=${wait}` : ""}`, undefined, signal);

/** Renews a connection if its access is about to end; when that is, the server's clock decides. */
export const refreshIfDue = async (url: string, connection: Connection, signal?: AbortSignal) =>
  carried(url, await json<{ connection: Connection }>("POST", "/api/mcp/oauth/refresh", { connection, ifDue: true }, signal));

export const revoke = (connection: Connection) =>
  json<RevokeAnswer>("POST", "/api/mcp/oauth/revoke", { connection });

export const listTools = async (target: Target, signal?: AbortSignal) => {
  const answer = carried(target.url, await json<ToolsAnswer>("POST", "/api/mcp/tools", target, signal));
  return { ...answer, tools: answer.tools.map(plainTool) };
};

/** A tool whose words are fit to be shown; its name stays what it is called by. */
function plainTool(tool: Tool): Tool {
  const plain = { ...tool };
  if (tool.title) plain.title = plainLine(tool.title, 120);
  if (tool.description) plain.description = plainText(tool.description.slice(0, longestDescription));
  if (tool.annotations?.title) plain.annotations = { ...tool.annotations, title: plainLine(tool.annotations.title, 120) };
  return plain;
}

export const callTool = async (target: Target, name: string, args: JsonObject, signal?: AbortSignal) =>
  carried(target.url, await json<CallAnswer>("POST", "/api/mcp/tools/call", { ...target, name, arguments: args }, signal));

/** A picture from elsewhere, fetched by Gatepass. */
export const getPicture = async (url: string): Promise<Blob> => (await request("POST", "/api/picture", { url })).blob();

const conversations = "/api/conversations";
const one = (id: string) => `${conversations}/${encodeURIComponent(id)}`;

export const listConversations = async () =>
  (await json<{ conversations: ConversationSummary[] }>("GET", conversations)).conversations;

export const searchConversations = async (query: string, signal: AbortSignal) =>
  (await json<{ conversations: FoundConversation[] }>("GET", `${conversations}?q=${encodeURIComponent(query)}`, undefined, signal)).conversations;

export const createConversation = (title: string) => json<ConversationSummary>("POST", conversations, { title });

export const readConversation = (id: string, signal?: AbortSignal) => json<Conversation>("GET", one(id), undefined, signal);

export const renameConversation = async (id: string, title: string): Promise<void> => {
  await request("PATCH", one(id), { title });
};

export const deleteConversation = async (id: string): Promise<void> => {
  await request("DELETE", one(id));
};

/** Sends a message; the answer's body is the event stream of the turn. */
export const sendMessage = (id: string, body: SendRequest, signal: AbortSignal) =>
  request("POST", `${one(id)}/messages`, body, signal);

/** Comes back to a turn, with answers to what it waits for, or none; the answer's body is its event stream from the start. */
export const resumeRun = (id: string, runId: string, body: ResumeRequest, signal: AbortSignal) =>
  request("POST", `${one(id)}/runs/${encodeURIComponent(runId)}/resume`, body, signal);

export const cancelRun = async (id: string, runId: string): Promise<void> => {
  await request("POST", `${one(id)}/runs/${encodeURIComponent(runId)}/cancel`, {});
};
