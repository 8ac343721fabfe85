import { createConversation, deleteConversation, listConversations, renameConversation, searchConversations } from "../api/client";
import { ApiError } from "../api/problem";
import type { ConversationSummary, FoundConversation } from "../api/types";
import { chatPath, router } from "../router.svelte";
import { choices } from "./choices.svelte";
import { drafts } from "./drafts";
import { notices } from "./notices.svelte";
import { Thread, type Saying } from "./thread.svelte";

/** The list of conversations and those that were opened on this page. */
class Chats {
  list = $state.raw<ConversationSummary[]>([]);
  phase = $state<"loading" | "ready" | "failed">("loading");
  /** How often a message came back to where it was typed, because it could not be sent. */
  restored = $state(0);
  /** Conversations that are being deleted. */
  deleting = $state<Record<string, true>>({});
  #threads = new Map<string, Thread>();

  async load(): Promise<void> {
    try {
      this.list = (await listConversations()).toSorted((a, b) => b.updatedAt - a.updatedAt);
      this.phase = "ready";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.phase = "failed";
    }
  }

  thread(id: string): Thread {
    const known = this.#threads.get(id);
    if (known) return known;
    const thread = new Thread(id, false);
    this.#threads.set(id, thread);
    return thread;
  }

  titleOf(id: string): string | null {
    return this.list.find((conversation) => conversation.id === id)?.title ?? null;
  }

  /** Sends a message into a conversation, or into a new one. What cannot be sent goes back to where it was typed. */
  async send(conversation: string | null, saying: Saying, model: string): Promise<void> {
    let id = conversation;
    try {
      const thread = id === null ? await this.#begin(saying) : this.thread(id);
      id = thread.id;
      await thread.send(saying, model);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // What replaces a message is said anew from there.
      if (saying.replaces === undefined) {
        drafts.write(id, saying.text);
        drafts.keepFiles(id, saying.files ?? []);
      }
      this.restored += 1;
      notices.say(error.problem.detail, "bad");
      throw error;
    }
    await this.load();
  }

  /** Conversations with these words in their title or in a message. */
  search(query: string, signal: AbortSignal): Promise<FoundConversation[]> {
    return searchConversations(query, signal);
  }

  async #begin({ text, files }: Saying): Promise<Thread> {
    const created = await createConversation(titleFor(text || (files?.[0]?.filename ?? "Files")));
    const thread = new Thread(created.id, true);
    this.#threads.set(created.id, thread);
    this.list = [created, ...this.list];
    drafts.write(null, "");
    choices.adopt(created.id);
    // Whoever went elsewhere meanwhile is not pulled back.
    if (router.route.page === "chat" && router.route.conversation === null) router.replace(chatPath(created.id));
    return thread;
  }

  async rename(id: string, title: string): Promise<void> {
    const before = this.list;
    this.list = before.map((conversation) => (conversation.id === id ? { ...conversation, title } : conversation));
    await this.#orUndo(() => renameConversation(id, title), before);
  }

  async delete(id: string): Promise<void> {
    const before = this.list;
    this.deleting[id] = true;
    await this.#orUndo(async () => {
      await deleteConversation(id);
      this.list = this.list.filter((conversation) => conversation.id !== id);
      void this.#threads.get(id)?.stop();
      this.#threads.delete(id);
      if (router.route.page === "chat" && router.route.conversation === id) router.go("/");
    }, before);
    delete this.deleting[id];
  }

  async #orUndo(action: () => Promise<void>, before: ConversationSummary[]): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.list = before;
      if (!(error instanceof ApiError)) throw error;
      notices.say(error.problem.detail, "bad");
    }
  }
}

/** The first line of a message, cut at a word. */
export function titleFor(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  if (line.length <= 60) return line;
  const cut = line.slice(0, 60);
  const space = cut.lastIndexOf(" ");
  return `${cut.slice(0, space > 30 ? space : 60)}…`;
}

export const chats = new Chats();
