import type { Connection, Headers, Target } from "../api/types";
import { newId } from "../id";
import { nameFromUrl } from "../text/host";
import { plainLine } from "../text/plain";
import { notices } from "./notices.svelte";
import { empty, load, merge, newer, parseSaved, storageKey, tidy, type PendingFlow, type Saved, type Server } from "./storage";

/**
 * The servers the user added, with their connections. Every change reads the storage, merges, and writes it back, so that
 * tabs never overwrite each other; a change in another tab shows here at once.
 */
class Registry {
  #saved = $state.raw<Saved>(empty());
  #warned = false;

  servers = $derived<Server[]>(this.#saved.servers);
  flows = $derived<PendingFlow[]>(this.#saved.flows);

  open(): void {
    try {
      const { saved, dropped } = load(localStorage);
      this.#saved = tidy(saved, Date.now());
      if (dropped.length > 0) {
        notices.say(`Not everything saved in this browser could be read. Dropped: ${dropped.join(", ")}. The rest is kept.`, "bad");
        this.#change(() => {});
      }
    } catch {
      this.#warn();
    }
    addEventListener("storage", (event) => {
      // The key is null when another tab cleared everything.
      if (event.key === storageKey && event.newValue !== null) {
        this.#saved = merge(this.#saved, parseSaved(event.newValue).saved);
      }
    });
  }

  get(id: string): Server | undefined {
    return this.servers.find((server) => server.id === id);
  }

  byUrl(url: string): Server | undefined {
    const wanted = comparable(url);
    return this.servers.find((server) => comparable(server.url) === wanted);
  }

  add(url: string, options: { name?: string; headers?: Headers; enabled: boolean }): Server {
    const server: Server = { id: newId(), url, name: this.#freeName(options.name ?? nameFromUrl(url)), enabled: options.enabled };
    if (options.headers && Object.keys(options.headers).length > 0) server.headers = options.headers;
    this.#change((saved) => saved.servers.push(server));
    return server;
  }

  update(id: string, change: Partial<Pick<Server, "name" | "enabled" | "clientId" | "issuer" | "tools">>): void {
    this.#change((saved) => {
      saved.servers = saved.servers.map((server) => (server.id === id ? { ...server, ...change } : server));
    });
  }

  /** A server that nobody named takes the title it gives itself. */
  introduce(id: string, title: string | undefined): void {
    const name = title && plainLine(title, 80);
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

  forget(flowId: string): void {
    this.#change((saved) => {
      saved.gone[flowId] = Date.now();
      saved.flows = saved.flows.filter((flow) => flow.flowId !== flowId);
    });
  }

  #change(edit: (saved: Saved) => void): void {
    let saved = this.#saved;
    try {
      const text = localStorage.getItem(storageKey);
      if (text !== null) saved = merge(saved, parseSaved(text).saved);
    } catch {
      // Reported below, when writing fails as well.
    }
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
    ...(server.headers ? { headers: server.headers } : {}),
    ...(server.connection ? { connection: server.connection } : {}),
  };
}

export const registry = new Registry();
