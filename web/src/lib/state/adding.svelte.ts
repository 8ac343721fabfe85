import { discoverWatched, listTools, sealHeaders } from "../api/client";
import { withStep, type StepEvent } from "../api/progress";
import { ApiError } from "../api/problem";
import type { Problem } from "../api/types";
import type { Pasted } from "../paste/paste";
import { installation } from "./config.svelte";
import { manager } from "./manager.svelte";
import { notices } from "./notices.svelte";
import { registry, type SealedKey } from "./registry.svelte";
import { statuses } from "./status.svelte";

/** Adding a server: what is being looked at, how far it is, and how it failed. */
export class Adding {
  /** The URL that is being looked at. */
  checking = $state<string | null>(null);
  steps = $state.raw<StepEvent[]>([]);
  failed = $state.raw<{ server: Pasted; problem: Problem } | null>(null);
  #control: AbortController | null = null;

  stop(): void {
    this.#control?.abort();
  }

  /** Looks at a server and keeps it: ready to use, or ready to be signed in to. */
  async add(server: Pasted): Promise<void> {
    this.failed = null;
    this.steps = [];
    this.checking = server.url;
    const control = new AbortController();
    this.#control = control;
    try {
      if (Object.keys(server.headers ?? {}).length > 0) await this.#withKey(server, control.signal);
      else await this.#discovered(server, control.signal);
    } catch (error) {
      if (control.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.failed = { server, problem: error.problem };
    } finally {
      if (this.#control === control) this.checking = null;
    }
  }

  /** Keeps several servers of a snippet; each is looked at on its card. */
  async addSeveral(servers: Pasted[], skipped: string[]): Promise<void> {
    this.failed = null;
    this.checking = `${servers.length} servers`;
    try {
      for (const server of servers) {
        const key = await this.#sealed(server);
        registry.add(server.url, { enabled: false, ...named(server), ...(key ? { key } : {}) });
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notices.say(error.problem.detail, "bad");
    } finally {
      this.checking = null;
    }
    const left = skipped.length > 0 ? ` Left out: ${skipped.join("; ")}.` : "";
    notices.say(`Added ${servers.length} servers.${left}`, skipped.length > 0 ? "plain" : "good");
    statuses.checkNew();
    manager.list();
  }

  /** Keeps the server that failed, to be tried again from its card. */
  async addAnyway(): Promise<void> {
    if (!this.failed) return;
    const { server, problem } = this.failed;
    const key = await this.#sealed(server).catch(() => null);
    const added = registry.add(server.url, { enabled: false, ...named(server), ...(key ? { key } : {}) });
    statuses.set(added.id, { state: "unreachable", problem });
    manager.list();
  }

  /** Whoever brings an API key does not want to sign in. */
  async #withKey(server: Pasted, signal: AbortSignal): Promise<void> {
    const key = await this.#sealed(server, signal);
    await this.#open(server, key, signal);
  }

  async #discovered(server: Pasted, signal: AbortSignal): Promise<void> {
    const found = await discoverWatched(server.url, (step) => (this.steps = withStep(this.steps, step)), signal);
    if (!found.requiresAuth) return this.#open(server, null, signal);
    const added = registry.add(server.url, { enabled: false, ...named(server) });
    statuses.set(added.id, { state: found.registration === "client-required" ? "client-id-needed" : "sign-in-needed", discovery: found });
    manager.authorize(added.id);
  }

  async #open(server: Pasted, key: SealedKey | null, signal: AbortSignal): Promise<void> {
    const answer = await listTools({ url: server.url, ...(key ? { sealedHeaders: key.sealedHeaders } : {}) }, signal);
    const title = answer.server.title ?? undefined;
    const { name = title } = named(server);
    const added = registry.add(server.url, { enabled: true, ...(name ? { name } : {}), ...(key ? { key } : {}) });
    statuses.set(added.id, { state: "open", tools: answer.tools, server: answer.server, protocolVersion: answer.protocolVersion });
    notices.say(`Added ${added.name}.`, "good");
    manager.expanded = added.id;
    manager.list();
  }

  async #sealed(server: Pasted, signal?: AbortSignal): Promise<SealedKey | null> {
    const headers = server.headers ?? {};
    const headerNames = Object.keys(headers);
    return headerNames.length === 0 ? null : { sealedHeaders: await sealHeaders(server.url, headers, signal), headerNames };
  }
}

/** The name that was pasted, or that the installation gives to the server. */
function named({ url, name }: Pasted): { name?: string } {
  const given = name ?? installation.config?.servers.find((preset) => preset.url === url)?.name;
  return given ? { name: given } : {};
}
