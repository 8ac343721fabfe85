const key = "gatepass:drafts";

/** What was typed and not sent, per conversation (null: the new one). Survives a sign-in that takes the whole window. */
class Drafts {
  read(conversation: string | null): string {
    return this.#all()[conversation ?? "new"] ?? "";
  }

  write(conversation: string | null, text: string): void {
    const { [conversation ?? "new"]: _, ...rest } = this.#all();
    try {
      sessionStorage.setItem(key, JSON.stringify(text === "" ? rest : { ...rest, [conversation ?? "new"]: text }));
    } catch {
      // Without storage a draft lives as long as the page.
    }
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
