import { cancelRun, readConversation, resumeRun, sendMessage } from "../api/client";
import { ApiError, stoppedProblem } from "../api/problem";
import { readEvents } from "../api/sse";
import { applyEvent, closeMessage, isOpen, waitingAsks, type Effect, type OpenTexts } from "../api/stream";
import type { Attachment, FilePart, JsonObject, Message, Problem, TurnServer } from "../api/types";
import { newId } from "../id";
import { choices } from "./choices.svelte";
import { online } from "./online.svelte";
import { refreshBeforeUse } from "./refresh";
import { registry, targetOf } from "./registry.svelte";
import { statuses } from "./status.svelte";
import { missingScopes, parseConnection } from "./storage";

/** What a person says: the text, the files, and the message whose place it takes. */
export interface Saying {
  text: string;
  files?: FilePart[];
  replaces?: string;
}

/** How often a lost turn is looked for again, and for how long at most between two looks. */
const tries = 12;
const longestPause = 10_000;
/** How long a stopped turn may take to say so. */
const stopPatience = 4000;

/** One conversation on the page: its messages and the turn that may be running. It goes on when another one is shown. */
export class Thread {
  readonly id: string;
  messages = $state<Message[]>([]);
  phase = $state<"unread" | "loading" | "ready" | "sending" | "streaming" | "reconnecting" | "stopping">("unread");
  /** Why the conversation could not be read. */
  problem = $state.raw<Problem | null>(null);
  /** The turn waits for the person's answer to a question. */
  waiting = $state(false);
  /** Answers that are on their way, by the question's id. */
  answering = $state<Record<string, string>>({});
  /** Why an answer was not taken, by the question's id. */
  refused = $state<Record<string, string>>({});

  #control: AbortController | null = null;
  #runId: string | null = null;

  busy = $derived(!["unread", "loading", "ready"].includes(this.phase));
  last = $derived(this.messages[this.messages.length - 1]);
  /** The last answer ends in the middle, and nobody is writing it any more. */
  broken = $derived(this.phase === "ready" && !this.waiting && this.last?.role === "assistant" && (this.last.parts.length === 0 || isOpen(this.last)));

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
      this.waiting = false;
      this.phase = "ready";
      if (conversation.runId) void this.#attach(conversation.runId);
    } catch (error) {
      this.phase = "unread";
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.problem;
    }
  }

  /** Says something. Throws if it was not taken: then the conversation is as it was before. */
  async send({ text, files = [], replaces }: Saying, model: string): Promise<void> {
    if (this.busy) return;
    const before = this.messages;
    const at = replaces === undefined ? -1 : before.findIndex((message) => message.id === replaces);
    if (at >= 0) this.messages = before.slice(0, at);
    const question: Message = { id: newId(), role: "user", parts: [...files, ...(text ? [{ type: "text" as const, text }] : [])], createdAt: Date.now() };
    const answer: Message = { id: newId(), role: "assistant", parts: [], createdAt: Date.now(), model };
    for (const message of [question, answer]) this.messages.push({ ...message, key: message.id });
    const own = this.messages[this.messages.length - 1];
    if (!own) return;
    this.#skipAsks();
    this.phase = "sending";
    this.waiting = false;
    const control = new AbortController();
    this.#control = control;
    this.#runId = null;
    let response: Response;
    try {
      const servers = await turnServers(this.id);
      const attachments = files.map(attachmentOf);
      response = await sendMessage(
        this.id,
        { text, model, servers, ...(attachments.length > 0 ? { attachments } : {}), ...(at >= 0 && replaces ? { replaces } : {}) },
        control.signal,
      );
    } catch (error) {
      this.#control = null;
      this.messages = before;
      this.phase = "ready";
      if (control.signal.aborted) {
        this.#readWhenBack();
        throw new ApiError(stoppedProblem());
      }
      // It may have arrived all the same: what the server has is read again before anything else is said.
      if (error instanceof ApiError && error.problem.status === 0) this.#readWhenBack();
      throw error;
    }
    await this.#follow(own, control, response);
  }

  /** Answers a question that the turn waits with. */
  async answer(askId: string, action: string, content?: JsonObject): Promise<void> {
    const runId = this.#runId;
    const message = this.last;
    if (!runId || !message || askId in this.answering) return;
    this.answering[askId] = action;
    delete this.refused[askId];
    const control = new AbortController();
    try {
      const servers = await turnServers(this.id);
      const answers = { [askId]: { action, ...(content ? { content } : {}) } };
      const response = await resumeRun(this.id, runId, { servers, answers }, control.signal);
      // Another process has the answer now; what is being heard goes on.
      if (response.status === 202) {
        this.#settle(askId);
        return;
      }
      const former = this.#control;
      this.#control = control;
      // What was being heard is heard from here on.
      former?.abort();
      void this.#follow(message, control, response);
      this.#settle(askId);
    } catch (error) {
      delete this.answering[askId];
      if (!(error instanceof ApiError)) throw error;
      if (error.slug === "run-not-found") await this.#gone();
      else this.refused[askId] = error.problem.detail;
    }
  }

  /** Ends the running turn. What it has said so far is kept. */
  async stop(): Promise<void> {
    const control = this.#control;
    const runId = this.#runId;
    if (this.phase === "streaming" || this.phase === "reconnecting") this.phase = "stopping";
    if (!runId) {
      control?.abort();
      return;
    }
    try {
      await cancelRun(this.id, runId);
      if (this.waiting) await this.#attach(runId);
      // The stream says how the turn ended.
      else setTimeout(() => control?.abort(), stopPatience);
    } catch {
      control?.abort();
    }
  }

  /** Comes back to a turn that goes on without this page. */
  async #attach(runId: string): Promise<void> {
    let answer = this.last;
    if (answer?.role !== "assistant") {
      const id = newId();
      this.messages.push({ id, key: id, role: "assistant", parts: [] });
      answer = this.messages[this.messages.length - 1];
    }
    if (!answer) return;
    this.#runId = runId;
    const control = new AbortController();
    this.#control = control;
    await this.#follow(answer, control, null);
  }

  /** Shows a turn to its end, coming back to it as often as the connection breaks. */
  async #follow(answer: Message, control: AbortController, response: Response | null): Promise<void> {
    const { signal } = control;
    const own = () => this.#control === control;
    let attempt = 0;
    let finished = false;
    try {
      for (;;) {
        try {
          if (response === null) {
            this.#show("reconnecting");
            if (!this.#runId) throw new Error("There is no turn to come back to.");
            response = await resumeRun(this.id, this.#runId, {}, signal);
          }
          if (!response.body) throw new Error("The answer is empty.");
          this.#show("streaming");
          // Every stream tells the message from its start.
          const open: OpenTexts = new Map();
          let begun = false;
          for await (const events of readEvents(response.body)) {
            if (!own()) return;
            if (!begun) answer.parts = [];
            begun = true;
            attempt = 0;
            for (const event of events) {
              const effect = applyEvent(answer, event, open);
              if (effect?.kind === "finished") finished = true;
              else if (effect) this.#take(effect);
            }
          }
          return;
        } catch (error) {
          if (!own()) return;
          if (signal.aborted) {
            closeMessage(answer, "The call was stopped.");
            answer.parts.push({ type: "data-aborted", data: {} });
            return;
          }
          // The turn is over; only its end did not arrive.
          if (finished) return;
          const comesBack = !(error instanceof ApiError) || [0, 409, 429, 502, 503, 504].includes(error.problem.status);
          if (!comesBack || attempt === tries) {
            await this.#gone();
            return;
          }
          response = null;
          this.#show("reconnecting");
          const told = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
          await online.pause(Math.min(longestPause, Math.max(told, 400 * 2 ** attempt)), signal);
          attempt += 1;
        }
      }
    } finally {
      if (own()) {
        this.#control = null;
        if (this.phase !== "loading") this.phase = "ready";
        this.waiting = waitingAsks(answer).length > 0;
        this.answering = {};
      }
    }
  }

  /** The turn is not there any more: what the server kept of it is shown, if it can be read. */
  async #gone(): Promise<void> {
    this.#runId = null;
    try {
      const { messages } = await readConversation(this.id);
      const kept = messages[messages.length - 1];
      const answer = this.last;
      if (kept?.role === "assistant" && answer) {
        answer.id = kept.id;
        answer.parts = kept.parts;
      }
    } catch {
      // What arrived is on the page; the message says that it is not the whole.
    }
  }

  /** An answer that was taken shows in the question itself. */
  #settle(askId: string): void {
    setTimeout(() => delete this.answering[askId], 5000);
  }

  #readWhenBack(): void {
    this.phase = "loading";
    void online.pause(1000).then(() => {
      this.phase = "unread";
      return this.read();
    });
  }

  #show(phase: "streaming" | "reconnecting"): void {
    if (this.phase !== "stopping") this.phase = phase;
  }

  /** Whoever says something else has not answered. */
  #skipAsks(): void {
    for (const message of this.messages) for (const ask of waitingAsks(message)) ask.state = "skipped";
  }

  #take(effect: Effect): void {
    switch (effect.kind) {
      case "run": {
        this.#runId = effect.runId;
        const question = this.messages.findLast((message) => message.role === "user");
        if (question && effect.messageId) question.id = effect.messageId;
        return;
      }
      case "connection": {
        const connection = parseConnection(effect.connection);
        if (connection) registry.hear(effect.url, connection);
        return;
      }
      case "authorization": {
        const server = registry.byUrl(effect.need.url);
        if (!server || (effect.need.state && effect.need.state !== "waiting")) return;
        const scopes = effect.need.scopes ?? [];
        const more = server.connection !== undefined && missingScopes(server.connection, scopes).length > 0;
        // A message that is told again may tell of a need that has been met meanwhile.
        if (server.connection && !more && effect.need.askId) return;
        statuses.set(server.id, { state: more ? "needs-more-access" : server.connection ? "sign-in-again" : "sign-in-needed", scopes });
      }
    }
  }
}

/** The servers of a turn, their connections renewed where they are about to run out. */
async function turnServers(conversation: string): Promise<TurnServer[]> {
  await refreshBeforeUse(choices.inChat(conversation));
  return choices
    .inChat(conversation)
    .map((server) => ({ name: server.name, ...targetOf(server), ...(server.tools ? { tools: server.tools } : {}) }));
}

function attachmentOf(file: FilePart): Attachment {
  return { filename: file.filename ?? "file", mediaType: file.mediaType, data: file.url.slice(file.url.indexOf(",") + 1) };
}
