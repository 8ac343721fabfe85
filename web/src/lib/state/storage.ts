import { isObject } from "../api/problem";
import type { Connection, Json, ToolPolicy, ToolRule, ToolRules } from "../api/types";
import { plainLine } from "../text/plain";

/** The one key under which the page keeps its servers; another form gets another number. */
export const storageKey = "gatepass:v1";

/** Where a value that could not be read is put aside, for whoever wants to mend it by hand. */
export const damagedKey = "gatepass:damaged";

/** Keys of forms that this page does not read. */
const otherForm = /^gatepass:v(\d+)$/;
const ownForm = 1;

/** Longest name of a server, in characters. */
export const longestName = 80;
/** Longest URL read; a longer one is none. */
const longestUrl = 4096;
/** Most servers read; a list that long was not made by hand. */
const mostServers = 500;
/** Most tools of one server that have a rule. */
const mostRules = 1000;

export interface Server {
  id: string;
  name: string;
  url: string;
  /** Static headers, such as an API key, sealed for this browser and this URL. */
  sealedHeaders?: string;
  /** The names of those headers, to be shown. */
  headerNames?: string[];
  connection?: Connection;
  enabled: boolean;
  /** What its tools may do without asking, by their names at the server; as the server says where there is no rule. */
  tools?: ToolRules;
  /** The client id that was last typed for it, to offer it again. */
  clientId?: string;
  /** The authorization server that was last chosen, to notice when it changes. */
  issuer?: string;
}

/** A sign-in that was started and whose result has not been seen yet. */
export interface PendingFlow {
  flowId: string;
  serverId: string;
  mode: "popup" | "redirect";
  startedAt: number;
  expiresAt: number;
  /** Another was begun after it: nobody waits for it any more, but should it be finished all the same, that counts. */
  superseded?: boolean;
}

export interface Saved {
  servers: Server[];
  flows: PendingFlow[];
  /**
   * Ids of servers, connections and flows that are over, with the time. Without them a slower tab, or an answer that was
   * under way, would bring a removed server or an ended connection back.
   */
  gone: Record<string, number>;
}

const goneFor = 30 * 24 * 60 * 60 * 1000;
const goneMost = 400;

export function empty(): Saved {
  return { servers: [], flows: [], gone: {} };
}

/** What was saved, what of it could not be read, and whether that was worth putting aside. */
export interface Reading {
  saved: Saved;
  dropped: string[];
  damaged: boolean;
}

/** Reads what was saved. What cannot be read is dropped and named; the rest is kept. */
export function parseSaved(text: string | null): Reading {
  const saved = empty();
  const dropped: string[] = [];
  if (text === null) return { saved, dropped, damaged: false };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { saved, dropped: ["the saved servers (the browser's storage was damaged)"], damaged: true };
  }
  if (!isObject(value) || !Array.isArray(value.servers)) {
    return { saved, dropped: ["the saved servers (they had an unknown form)"], damaged: true };
  }
  if (value.servers.length > mostServers) dropped.push(`all servers after the first ${mostServers}`);
  for (const entry of value.servers.slice(0, mostServers)) {
    const read = parseServer(entry);
    if (read === null) {
      const name = isObject(entry) && typeof entry.name === "string" ? plainLine(entry.name, longestName) : "";
      dropped.push(name ? `the server “${name}”` : "a saved server");
    } else if (!saved.servers.some((other) => other.id === read.server.id)) {
      saved.servers.push(read.server);
      for (const part of read.lost) dropped.push(`${part} of “${read.server.name}”`);
    }
  }
  for (const entry of Array.isArray(value.flows) ? value.flows : []) {
    const flow = parseFlow(entry);
    if (flow) saved.flows.push(flow);
  }
  for (const [id, time] of Object.entries(isObject(value.gone) ? value.gone : {})) {
    if (typeof time === "number") saved.gone[id] = time;
  }
  return { saved, dropped, damaged: dropped.length > 0 };
}

function parseServer(value: Json): { server: Server; lost: string[] } | null {
  if (!isObject(value) || typeof value.id !== "string" || typeof value.url !== "string" || value.id === "") return null;
  if (value.id.length > 100 || value.url.length > longestUrl) return null;
  if (!/^https?:\/\//i.test(value.url) || !URL.canParse(value.url)) return null;
  const name = typeof value.name === "string" ? plainLine(value.name, longestName) : "";
  const server: Server = {
    id: value.id,
    url: value.url,
    name: name || plainLine(value.url, longestName),
    enabled: value.enabled === true,
  };
  const lost: string[] = [];
  if (typeof value.sealedHeaders === "string") {
    server.sealedHeaders = value.sealedHeaders;
    const names = Array.isArray(value.headerNames) ? value.headerNames.filter((name) => typeof name === "string") : [];
    server.headerNames = names.slice(0, 32).map((name) => plainLine(name, 100));
  } else if (value.headers !== undefined || value.sealedHeaders !== undefined) {
    lost.push("the API key");
  }
  if (typeof value.clientId === "string") server.clientId = value.clientId;
  if (typeof value.issuer === "string") server.issuer = value.issuer;
  const tools = parseRules(value.tools);
  if (tools) server.tools = tools;
  if (value.connection !== undefined && value.connection !== null) {
    const connection = parseConnection(value.connection);
    if (connection) server.connection = connection;
    else lost.push("the connection");
  }
  return { server, lost };
}

const policies: readonly ToolPolicy[] = ["always", "ask", "never", "off"];

/** Rules for tools; what is no rule is left out, and then the tool asks as if it had none. */
export function parseRules(value: Json | undefined): ToolRules | null {
  if (!isObject(value)) return null;
  const rules: [string, ToolRule][] = [];
  for (const [tool, rule] of Object.entries(value).slice(0, mostRules)) {
    if (!isObject(rule)) continue;
    const policy = policies.find((policy) => policy === rule.policy);
    if (policy) rules.push([tool, { policy, ...(typeof rule.definition === "string" ? { definition: rule.definition } : {}) }]);
  }
  return rules.length > 0 ? Object.fromEntries(rules) : null;
}

/** A connection from storage or a stream, if it has every part that the server needs. */
export function parseConnection(value: Json | undefined): Connection | null {
  if (!isObject(value)) return null;
  const { id, sealed, resource, issuer, generation, expiresAt } = value;
  if (typeof id !== "string" || typeof sealed !== "string" || typeof resource !== "string" || typeof issuer !== "string") return null;
  if (typeof generation !== "number" || !Number.isInteger(generation)) return null;
  return {
    id,
    sealed,
    resource,
    issuer,
    generation,
    expiresAt: typeof expiresAt === "number" ? expiresAt : null,
    refreshable: value.refreshable === true,
    scopes: Array.isArray(value.scopes) ? value.scopes.filter((scope) => typeof scope === "string") : [],
    registration: (["preregistered", "metadata-document", "dynamic", "manual"] as const).find((kind) => kind === value.registration) ?? "dynamic",
  };
}

function parseFlow(value: Json): PendingFlow | null {
  if (!isObject(value) || typeof value.flowId !== "string" || typeof value.serverId !== "string") return null;
  if (typeof value.expiresAt !== "number") return null;
  return {
    flowId: value.flowId,
    serverId: value.serverId,
    mode: value.mode === "redirect" ? "redirect" : "popup",
    startedAt: typeof value.startedAt === "number" ? value.startedAt : 0,
    expiresAt: value.expiresAt,
    ...(value.superseded === true ? { superseded: true } : {}),
  };
}

/** The newer of two connections of one server. A different connection replaces what is there, unless it has ended. */
export function newer(current: Connection | undefined, incoming: Connection | undefined, gone: Record<string, number>): Connection | undefined {
  const now = current && !(current.id in gone) ? current : undefined;
  const next = incoming && !(incoming.id in gone) ? incoming : undefined;
  if (!now || !next) return next ?? now;
  if (now.id !== next.id) return next;
  return next.generation > now.generation ? next : now;
}

/** Those of the scopes that the connection was not granted. */
export function missingScopes(connection: Connection, scopes: string[]): string[] {
  return scopes.filter((scope) => !connection.scopes.includes(scope));
}

/**
 * Brings two views of the storage together: `theirs` was written last and decides names and switches; nothing that only
 * one of them has is lost; of each connection the highest generation stays.
 */
export function merge(ours: Saved, theirs: Saved): Saved {
  const gone = { ...ours.gone, ...theirs.gone };
  const servers: Server[] = [];
  for (const their of theirs.servers) {
    const our = ours.servers.find((server) => server.id === their.id);
    const { connection: _, ...rest } = their;
    const connection = newer(our?.connection, their.connection, gone);
    servers.push(connection ? { ...rest, connection } : rest);
  }
  for (const our of ours.servers) {
    if (servers.some((server) => server.id === our.id)) continue;
    const { connection, ...rest } = our;
    servers.push(connection && !(connection.id in gone) ? { ...rest, connection } : rest);
  }
  const both = [...theirs.flows, ...ours.flows.filter((flow) => !theirs.flows.some((other) => other.flowId === flow.flowId))];
  const flows = both.sort((a, b) => a.startedAt - b.startedAt);
  return {
    servers: servers.filter((server) => !(server.id in gone)),
    flows: flows.filter((flow) => !(flow.flowId in gone)),
    gone,
  };
}

/** What is written: without flows that have expired and without tombstones that nobody can need any more. */
export function tidy(saved: Saved, now: number): Saved {
  const gone = Object.entries(saved.gone)
    .filter(([, time]) => now - time < goneFor)
    .sort((a, b) => b[1] - a[1])
    .slice(0, goneMost);
  return {
    servers: saved.servers,
    flows: saved.flows.filter((flow) => flow.expiresAt > now),
    gone: Object.fromEntries(gone),
  };
}

/**
 * Reads the storage at start. A value that cannot be read whole is put aside before anything is written over it; what
 * another version of the page saved is left alone, since that version may come back.
 */
export function load(storage: Storage): { saved: Saved; dropped: string[]; foreign: boolean } {
  const text = storage.getItem(storageKey);
  const { saved, dropped, damaged } = parseSaved(text);
  if (damaged && text !== null) {
    try {
      storage.setItem(damagedKey, text);
    } catch {
      // There may be no room for a second copy.
    }
  }
  const keys = Array.from({ length: storage.length }, (_, at) => storage.key(at) ?? "");
  const foreign = text === null && keys.some((key) => Number(otherForm.exec(key)?.[1] ?? ownForm) !== ownForm);
  return { saved, dropped, foreign };
}
