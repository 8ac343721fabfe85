import { discover, listTools } from "../api/client";
import { ApiError } from "../api/problem";
import type { Problem, ProtectedDiscovery, Tool, ToolsAnswer } from "../api/types";
import { clock } from "./clock.svelte";
import { registry, targetOf } from "./registry.svelte";
import type { Server } from "./storage";

export type CardState =
  | "checking"
  | "open"
  | "sign-in-needed"
  | "client-id-needed"
  | "signing-in"
  | "connected"
  | "needs-more-access"
  | "sign-in-again"
  | "unreachable";

/** What the last look at a server found. */
export interface Finding {
  state: Exclude<CardState, "signing-in">;
  tools: Tool[] | null;
  server: ToolsAnswer["server"] | null;
  protocolVersion: string | null;
  discovery: ProtectedDiscovery | null;
  /** Why it cannot be used, or why the last sign-in failed. */
  problem: Problem | null;
  /** The scopes that a call asked for and the connection lacks. */
  scopes: string[];
}

const blank: Finding = {
  state: "checking",
  tools: null,
  server: null,
  protocolVersion: null,
  discovery: null,
  problem: null,
  scopes: [],
};

class Statuses {
  #findings = $state.raw<Record<string, Finding>>({});
  #running = new Map<string, Promise<void>>();

  finding(id: string): Finding | null {
    return this.#findings[id] ?? null;
  }

  /** The state of a server's card at this moment. */
  state(server: Server): CardState {
    if (registry.flows.some((flow) => flow.serverId === server.id && !flow.superseded)) return "signing-in";
    const found = this.#findings[server.id];
    const connection = server.connection;
    if (connection && !connection.refreshable && connection.expiresAt !== null && connection.expiresAt <= clock.now) {
      return "sign-in-again";
    }
    if (!found) return connection ? "connected" : "checking";
    // Another tab may have connected or disconnected it since.
    if (connection && (found.state === "sign-in-needed" || found.state === "client-id-needed")) return "connected";
    if (!connection && ["connected", "needs-more-access"].includes(found.state)) return "sign-in-needed";
    return found.state;
  }

  /** Whether a chat can use it right now. */
  usable(server: Server): boolean {
    const state = this.state(server);
    return state === "open" || state === "connected" || state === "needs-more-access" || (state === "checking" && hasAccess(server));
  }

  set(id: string, change: Partial<Finding>): void {
    this.#findings = { ...this.#findings, [id]: { ...(this.#findings[id] ?? blank), ...change } };
  }

  drop(id: string): void {
    const { [id]: _, ...rest } = this.#findings;
    this.#findings = rest;
  }

  /** Looks at the server afresh; several callers share one look. */
  check(id: string, signal?: AbortSignal): Promise<void> {
    const running = this.#running.get(id);
    if (running) return running;
    const look = this.#look(id, signal).finally(() => this.#running.delete(id));
    this.#running.set(id, look);
    return look;
  }

  /** Looks at those servers that nobody has looked at since the page was opened. */
  checkNew(): void {
    for (const server of registry.servers) if (!this.#findings[server.id]) void this.check(server.id);
  }

  /** Another tab changed what the server is reached with: what this one found out is out of date. */
  async refresh(id: string): Promise<void> {
    await this.#running.get(id);
    this.drop(id);
    await this.check(id);
  }

  async #look(id: string, signal?: AbortSignal): Promise<void> {
    const server = registry.get(id);
    if (!server) return;
    this.set(id, { state: "checking", problem: null });
    try {
      if (hasAccess(server)) await this.#list(server, signal);
      else await this.#discover(server, signal);
    } catch (error) {
      if (signal?.aborted) this.drop(id);
      else if (error instanceof ApiError) this.failed(id, error);
      else throw error;
    }
  }

  async #list(server: Server, signal?: AbortSignal): Promise<void> {
    const answer = await listTools(targetOf(server), signal);
    registry.introduce(server.id, answer.server.title);
    this.set(server.id, {
      state: server.connection ? "connected" : "open",
      tools: answer.tools,
      server: answer.server,
      protocolVersion: answer.protocolVersion,
      problem: null,
      scopes: [],
    });
  }

  async #discover(server: Server, signal?: AbortSignal): Promise<void> {
    const found = await discover(server.url, signal);
    if (!found.requiresAuth) return this.#list(server, signal);
    this.set(server.id, {
      state: found.registration === "client-required" ? "client-id-needed" : "sign-in-needed",
      discovery: found,
      tools: null,
      problem: null,
    });
  }

  /** Puts what a failed call means on the server's card. */
  failed(id: string, error: ApiError): void {
    const problem = error.problem;
    switch (error.slug) {
      case "reauthorize":
      case "wrong-resource":
      case "owner-required":
        return this.set(id, { state: "sign-in-again", problem });
      case "headers-unreadable":
        return this.set(id, { state: "sign-in-again", problem, tools: null });
      case "authorization-required":
        return this.set(id, { state: hasAccess(registry.get(id)) ? "sign-in-again" : "sign-in-needed", problem, tools: null });
      case "scope-required":
        return this.set(id, { state: "needs-more-access", problem, scopes: problem.scopes ?? [] });
      case "client-required":
        return this.set(id, { state: "client-id-needed", problem });
      default:
        return this.set(id, { state: "unreachable", problem });
    }
  }
}

/** Whether the visitor has given a server a sign-in or a key. */
function hasAccess(server: Server | undefined): boolean {
  return server?.connection !== undefined || server?.sealedHeaders !== undefined;
}

export const statuses = new Statuses();
