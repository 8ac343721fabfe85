export interface Notice {
  id: number;
  tone: "good" | "bad" | "plain";
  text: string;
}

/** Short messages that do not belong to one place of the page; read out by screen readers. */
class Notices {
  list = $state<Notice[]>([]);
  #next = 1;

  say(text: string, tone: Notice["tone"] = "plain"): void {
    if (this.list.some((notice) => notice.text === text)) return;
    const id = this.#next++;
    this.list = [...this.list.slice(-3), { id, tone, text }];
    // Bad news stays until it is dismissed.
    if (tone !== "bad") setTimeout(() => this.dismiss(id), 8000);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();
