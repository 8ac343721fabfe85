export type View = { kind: "list" } | { kind: "add" } | { kind: "authorize"; serverId: string; scopes: string[]; editClient: boolean };

/** Where the server manager is: on its page or in a dialog over the chat, and which of its views is shown. */
class Manager {
  dialog = $state(false);
  view = $state.raw<View>({ kind: "list" });
  /** The card whose details are open. */
  expanded = $state<string | null>(null);

  open(view: View = { kind: "list" }): void {
    this.view = view;
    this.dialog = true;
  }

  close(): void {
    this.dialog = false;
    this.view = { kind: "list" };
  }

  list(): void {
    this.view = { kind: "list" };
  }

  add(): void {
    this.view = { kind: "add" };
  }

  authorize(serverId: string, scopes: string[] = [], editClient = false): void {
    this.view = { kind: "authorize", serverId, scopes, editClient };
  }
}

export const manager = new Manager();
