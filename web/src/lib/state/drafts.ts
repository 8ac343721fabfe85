import type { FilePart } from "../api/types";

const key = "gatepass:drafts";

/** What was typed and not sent, per conversation (null: the new one). Survives a sign-in that takes the whole window. */
class Drafts {
  /** Files are kept as long as the page; storage has no room for them. */
  #files = new Map<string, FilePart[]>();
  /** What storage does not take. */
  #spare: Record<string, string> = {};

  read(conversation: string | null): string {
    const id = conversation ?? "new";
    return this.#all()[id] ?? this.#spare[id] ?? "";
  }

  write(conversation: string | null, text: string): void {
    const id = conversation ?? "new";
    const { [id]: _, ...rest } = this.#all();
    try {
      sessionStorage.setItem(key, JSON.stringify(text === "" ? rest : { ...rest, [id]: text }));
      delete this.#spare[id];
    } catch {
      this.#spare[id] = text;
    }
  }

  files(conversation: string | null): FilePart[] {
    return this.#files.get(conversation ?? "new") ?? [];
  }

  keepFiles(conversation: string | null, files: FilePart[]): void {
    if (files.length === 0) this.#files.delete(conversation ?? "new");
    else this.#files.set(conversation ?? "new", files);
  }

  #all(): Record<string, string> {
    try {
      const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "{}");
      if (typeof value !== "object" || value === null) return {};
      return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
    } catch {
      return {};
    }
  }
}

export const drafts = new Drafts();
