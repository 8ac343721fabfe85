import { isObject } from "../api/problem";
import { registry } from "./registry.svelte";
import type { Server } from "./storage";

const key = "gatepass:choices";
/** Most conversations whose choices are remembered; the oldest are forgotten first. */
const most = 200;
/** Stands for the chat that has no id yet. */
const fresh = "new";

/** Per conversation, the servers that were switched on or off in it. A server without a choice follows its own switch. */
type Choices = Record<string, Record<string, boolean>>;

class ChatChoices {
  #all = $state.raw<Choices>(read() ?? {});

  open(): void {
    addEventListener("storage", (event) => {
      if (event.key === key || event.key === null) this.#all = read() ?? this.#all;
    });
  }

  /** Whether a chat uses a server. */
  uses(conversation: string | null, server: Server): boolean {
    return this.#all[conversation ?? fresh]?.[server.id] ?? server.enabled;
  }

  /** The servers that a chat uses. */
  inChat(conversation: string | null): Server[] {
    return registry.servers.filter((server) => this.uses(conversation, server));
  }

  set(conversation: string | null, serverId: string, on: boolean): void {
    const id = conversation ?? fresh;
    const { [id]: mine, ...others } = read() ?? this.#all;
    this.#write({ ...others, [id]: { ...mine, [serverId]: on } });
  }

  /** The new chat got its id: what was chosen for it stays chosen, and the next new chat starts afresh. */
  adopt(conversation: string): void {
    const { [fresh]: mine, ...others } = read() ?? this.#all;
    if (mine) this.#write({ ...others, [conversation]: mine });
  }

  /** Somebody switched the server itself: that is meant for the chat to come as well. */
  follow(serverId: string): void {
    const all = read() ?? this.#all;
    const mine = all[fresh];
    if (!mine || !(serverId in mine)) return;
    const { [serverId]: _, ...rest } = mine;
    this.#write({ ...all, [fresh]: rest });
  }

  #write(all: Choices): void {
    this.#all = Object.fromEntries(Object.entries(all).slice(-most));
    try {
      localStorage.setItem(key, JSON.stringify(this.#all));
    } catch {
      // Without storage a choice lasts as long as the page.
    }
  }
}

/** What is saved; null where the storage cannot be read. */
function read(): Choices | null {
  let saved: string | null;
  try {
    saved = localStorage.getItem(key);
  } catch {
    return null;
  }
  try {
    const value: unknown = JSON.parse(saved ?? "{}");
    if (!isObject(value)) return {};
    const entries = Object.entries(value).map(([conversation, choices]) => [
      conversation,
      Object.fromEntries(Object.entries(isObject(choices) ? choices : {}).filter((pair): pair is [string, boolean] => typeof pair[1] === "boolean")),
    ]);
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

export const choices = new ChatChoices();
