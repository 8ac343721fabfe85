import type { Connection, Target } from "../api/types";
import { newId } from "../id";
import { nameFromUrl } from "../text/host";
import { notices } from "./notices.svelte";
import { plainLine } from "../text/plain";
import { empty, load, longestName, merge, newer, parseSaved, storageKey, tidy, type PendingFlow, type Saved, type Server } from "./storage";

/**
 * The servers the user added, with their connections. Every change reads the storage, merges, and writes it back, so that
 * tabs never overwrite each other; a change in another tab shows here at once.
 */
class Registry {
  #saved = $state.raw<Saved>(empty());
  #warned = false;

  #changed: (id: string) => void = () => {};

  servers = $derived<Server[]>(this.#saved.servers);
  flows = $derived<PendingFlow[]>(this.#saved.flows);

  open(): void {
    try {
      const { saved, dropped, foreign } = load(localStorage);
      this.#saved = tidy(saved, Date.now());
      if (foreign) notices.say("Another version of this page has saved servers in this browser. This version does not read them; they are kept as they are.", "plain");
      if (dropped.length > 0) {
        notices.say(`Not everything saved in this browser could be read. Dropped: ${dropped.join(", ")}. The rest is kept.`, "bad");
        this.#change(() => {});
      }
    } catch {
      this.#warn();
    }
    addEventListener("storage", (event) => {
      // The key is null when another tab cleared everything.
      if (event.key !== storageKey || event.newValue === null) return;
      this.#take(event.newValue);
    });
  }

  /** Is told of each server that another tab connected, disconnected or gave another key. */
  onAccessChanged(changed: (id: string) => void): void {
    this.#changed = changed;
  }

  /** Takes over what other tabs have saved, whose events may still be on their way. */
  catchUp(): void {
    try {
      const text = localStorage.getItem(storageKey);
      if (text !== null) this.#take(text);
    } catch {
      // What this tab knows has to do.
    }
  }

  get(id: string): Server | undefined {
    return this.servers.find((server) => server.id === id);
  }

  byUrl(url: string): Server | undefined {
    const wanted = comparable(url);
    return this.servers.find((server) => comparable(server.url) === wanted);
  }

  add(url: string, options: { name?: string; key?: SealedKey; enabled: boolean }): Server {
    const name = plainLine(options.name ?? "", longestName) || plainLine(nameFromUrl(url), longestName);
    const server: Server = { id: newId(), url, name: this.#freeName(name), enabled: options.enabled, ...options.key };
    this.#change((saved) => saved.servers.push(server));
    return server;
  }

  update(id: string, change: Partial<Pick<Server, "name" | "enabled" | "clientId" | "issuer" | "tools" | keyof SealedKey>>): void {
    this.#change((saved) => {
      saved.servers = saved.servers.map((server) => (server.id === id ? { ...server, ...change } : server));
    });
  }

  /** A server that nobody named takes the title it gives itself. */
  introduce(id: string, title: string | null | undefined): void {
    const name = plainLine(title ?? "", longestName);
    const server = this.get(id);
    if (name && server && server.name !== name && server.name === nameFromUrl(server.url)) this.update(id, { name: this.#freeName(name) });
  }

  remove(id: string): void {
    this.#change((saved) => {
      saved.gone[id] = Date.now();
      saved.servers = saved.servers.filter((server) => server.id !== id);
      saved.flows = saved.flows.filter((flow) => flow.serverId !== id);
    });
  }

  /** Keeps a connection that a sign-in gave; the one before it is over. */
  connect(id: string, connection: Connection): void {
    this.#change((saved) => {
      saved.servers = saved.servers.map((server) => {
        if (server.id !== id) return server;
        const former = server.connection;
        if (former && former.id !== connection.id) saved.gone[former.id] = Date.now();
        delete saved.gone[connection.id];
        return { ...server, enabled: true, connection, issuer: connection.issuer };
      });
    });
  }

  disconnect(id: string): void {
    this.#change((saved) => {
      saved.servers = saved.servers.map((server) => {
        if (server.id !== id || !server.connection) return server;
        saved.gone[server.connection.id] = Date.now();
        const { connection: _, ...rest } = server;
        // Whoever disconnects does not want to be asked to sign in with every message.
        return { ...rest, enabled: false };
      });
    });
  }

  /** Keeps a connection that some answer carried, if it is newer than ours. */
  hear(url: string, connection: Connection): void {
    const known = this.servers.some((server) => {
      const ours = server.connection;
      return ours ? ours.id === connection.id && ours.generation < connection.generation : false;
    });
    if (!known) return;
    this.#change((saved) => {
      saved.servers = saved.servers.map((server) => {
        if (server.connection?.id !== connection.id || comparable(server.url) !== comparable(url)) return server;
        const best = newer(server.connection, connection, saved.gone);
        return best ? { ...server, connection: best } : server;
      });
    });
  }

  remember(flow: PendingFlow): void {
    this.#change((saved) => saved.flows.push(flow));
  }

  /** Another sign-in to this server begins: those before it are not waited for any more. */
  supersede(serverId: string): void {
    this.#change((saved) => {
      saved.flows = saved.flows.map((flow) => (flow.serverId === serverId ? { ...flow, superseded: true } : flow));
    });
  }

  forget(flowId: string): void {
    this.#change((saved) => {
      saved.gone[flowId] = Date.now();
      saved.flows = saved.flows.filter((flow) => flow.flowId !== flowId);
    });
  }

  #take(text: string): void {
    const before = this.#saved;
    this.#saved = merge(before, parseSaved(text).saved);
    for (const server of this.#saved.servers) {
      const known = before.servers.find((other) => other.id === server.id);
      if (known && accessOf(known) !== accessOf(server)) this.#changed(server.id);
    }
  }

  #change(edit: (saved: Saved) => void): void {
    // Where the storage cannot be read it cannot be written either, which is reported below.
    this.catchUp();
    const saved = this.#saved;
    const changed: Saved = { servers: [...saved.servers], flows: [...saved.flows], gone: { ...saved.gone } };
    edit(changed);
    this.#saved = tidy(changed, Date.now());
    try {
      localStorage.setItem(storageKey, JSON.stringify(this.#saved));
    } catch {
      this.#warn();
    }
  }

  #freeName(wanted: string): string {
    const taken = new Set(this.servers.map((server) => server.name));
    if (!taken.has(wanted)) return wanted;
    for (let count = 2; ; count += 1) if (!taken.has(`${wanted} ${count}`)) return `${wanted} ${count}`;
  }

  #warn(): void {
    if (this.#warned) return;
    this.#warned = true;
    notices.say("This browser does not let the page save anything (storage is blocked or full). Servers are kept only until you close this tab.", "bad");
  }
}

/** An API key as a server keeps it. */
export type SealedKey = Required<Pick<Server, "sealedHeaders" | "headerNames">>;

/** What a server is reached with: when it changes, what was found out about the server may not hold any more. */
function accessOf(server: Server): string {
  return `${server.connection?.id ?? ""} ${server.sealedHeaders ?? ""}`;
}

function comparable(url: string): string {
  try {
    return new URL(url).href.replace(/\/$/, "");
  } catch {
    return url;
  }
}

/** What a call to this server needs. */
export function targetOf(server: Server): Target {
  return {
    url: server.url,
    ...(server.sealedHeaders ? { sealedHeaders: server.sealedHeaders } : {}),
    ...(server.connection ? { connection: server.connection } : {}),
  };
}

export const registry = new Registry();
