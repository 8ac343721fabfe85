export type View =
  | { kind: "list" }
  | { kind: "add" }
  | { kind: "key"; serverId: string }
  | { kind: "authorize"; serverId: string; scopes: string[]; editClient: boolean };

/** Where the server manager is: on its page or in a dialog over the chat, and which of its views is shown. */
class Manager {
  dialog = $state(false);
  view = $state.raw<View>({ kind: "list" });
  /** The dialog was opened for one sign-in, and closes with it. */
  #once = false;
  /** The card whose details are open. */
  expanded = $state<string | null>(null);

  open(view: View = { kind: "list" }): void {
    this.#once = false;
    this.view = view;
    this.dialog = true;
  }

  close(): void {
    this.dialog = false;
    this.view = { kind: "list" };
  }

  /** Opens the dialog for one sign-in and closes it when that is done: whoever came from a chat goes on there. */
  signIn(serverId: string, scopes: string[] = []): void {
    this.open({ kind: "authorize", serverId, scopes, editClient: false });
    this.#once = true;
  }

  /** A sign-in has succeeded: back to the chat it was for, or to the server's tools. */
  signedIn(serverId: string): void {
    if (this.dialog && this.#once) return this.close();
    this.expanded = serverId;
    this.list();
  }

  /** Leaves a sign-in without one: to where it was begun. */
  back(): void {
    if (this.dialog && this.#once) this.close();
    else this.list();
  }

  key(serverId: string): void {
    this.view = { kind: "key", serverId };
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
