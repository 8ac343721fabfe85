import { cancelRun, readConversation, sendMessage } from "../api/client";
import { ApiError } from "../api/problem";
import { readEvents } from "../api/sse";
import { applyEvent, closeMessage, type Effect, type OpenTexts } from "../api/stream";
import type { Message, Problem } from "../api/types";
import { newId } from "../id";
import { refreshBeforeUse } from "./refresh";
import { registry, targetOf } from "./registry.svelte";
import { statuses } from "./status.svelte";
import { missingScopes, parseConnection } from "./storage";

/** One conversation on the page: its messages and the turn that may be running. It goes on when another one is shown. */
export class Thread {
  readonly id: string;
  messages = $state<Message[]>([]);
  phase = $state<"unread" | "loading" | "ready" | "sending" | "streaming">("unread");
  /** Why the conversation could not be read. */
  problem = $state.raw<Problem | null>(null);
  /** When each tool call of this visit began and ended, in Unix milliseconds. */
  timings = $state<Record<string, { began: number; ended: number | null }>>({});

  #control: AbortController | null = null;
  #runId: string | null = null;

  busy = $derived(this.phase === "sending" || this.phase === "streaming");

  constructor(id: string, isNew: boolean) {
    this.id = id;
    if (isNew) this.phase = "ready";
  }

  async read(): Promise<void> {
    if (this.phase !== "unread") return;
    this.phase = "loading";
    try {
      const conversation = await readConversation(this.id);
      this.messages = conversation.messages.filter((message) => Array.isArray(message.parts));
      this.problem = null;
      this.phase = "ready";
    } catch (error) {
      this.phase = "unread";
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.problem;
    }
  }

  async send(text: string, model: string): Promise<void> {
    if (this.busy) return;
    this.phase = "sending";
    this.messages.push({ id: newId(), role: "user", parts: [{ type: "text", text }], createdAt: Date.now() });
    this.messages.push({ id: newId(), role: "assistant", parts: [], createdAt: Date.now(), model });
    const answer = this.messages[this.messages.length - 1];
    if (!answer) return;
    const control = new AbortController();
    this.#control = control;
    this.#runId = null;
    try {
      await refreshBeforeUse(registry.servers.filter((server) => server.enabled));
      const servers = registry.servers.filter((server) => server.enabled).map((server) => ({ name: server.name, ...targetOf(server) }));
      const response = await sendMessage(this.id, { text, model, servers }, control.signal);
      if (!response.body) throw new Error("The answer is empty.");
      this.phase = "streaming";
      const open: OpenTexts = new Map();
      for await (const event of readEvents(response.body)) {
        const effect = applyEvent(answer, event, open);
        if (effect) this.#take(effect);
      }
      closeMessage(answer, "The turn ended before this call had a result.");
    } catch (error) {
      if (control.signal.aborted) {
        closeMessage(answer, "Stopped.");
        answer.parts.push({ type: "data-aborted", data: {} });
      } else {
        const detail = error instanceof ApiError ? error.problem.detail : "The connection broke while the answer was arriving. What arrived is kept.";
        closeMessage(answer, "The turn broke off before this call had a result.");
        answer.parts.push({ type: "error", errorText: detail });
      }
    } finally {
      this.#control = null;
      this.phase = "ready";
    }
  }

  /** Ends the running turn, here and on the server. */
  async stop(): Promise<void> {
    const control = this.#control;
    const runId = this.#runId;
    // The server is told first; if that fails, closing the stream tells it as well.
    const told = runId ? cancelRun(this.id, runId).catch(() => {}) : null;
    control?.abort();
    await told;
  }

  #take(effect: Effect): void {
    switch (effect.kind) {
      case "run":
        this.#runId = effect.runId;
        return;
      case "connection": {
        const connection = parseConnection(effect.connection);
        if (connection) registry.hear(effect.url, connection);
        return;
      }
      case "authorization": {
        const server = registry.byUrl(effect.need.url);
        if (!server) return;
        const scopes = effect.need.scopes ?? [];
        const more = server.connection !== undefined && missingScopes(server.connection, scopes).length > 0;
        statuses.set(server.id, { state: more ? "needs-more-access" : server.connection ? "sign-in-again" : "sign-in-needed", scopes });
        return;
      }
      case "tool-began":
        this.timings[effect.id] = { began: Date.now(), ended: null };
        return;
      case "tool-ended": {
        const timing = this.timings[effect.id];
        if (timing) timing.ended = Date.now();
      }
    }
  }
}
