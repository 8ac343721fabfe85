import { readFlow, startFlow } from "../api/client";
import { ApiError } from "../api/problem";
import type { Problem, StartRequest } from "../api/types";
import { hostOf } from "../text/host";
import { manager } from "./manager.svelte";
import { notices } from "./notices.svelte";
import { place } from "./place";
import { registry } from "./registry.svelte";
import { statuses } from "./status.svelte";
import type { PendingFlow } from "./storage";

export interface Choice {
  issuer?: string;
  client?: { clientId: string; clientSecret?: string };
  scopes?: string[];
  account?: "another";
  registration?: "new";
}

export interface Failure {
  serverId: string;
  problem: Problem;
}

const waitSeconds = 25;

/**
 * Sign-ins under way. The authority on how one ended is `GET flows/{id}`, asked in long polls; what the popup says by
 * `postMessage` or BroadcastChannel only makes the page ask sooner. A flow survives a reload, because it is saved.
 */
class Flows {
  /** Popups that this tab opened and that look closed: only a hint, since a sign-in page can cut us off from its window. */
  closed = $state.raw<Record<string, boolean>>({});
  /** How the last sign-in of each server failed, until the next begins. */
  failures = $state.raw<Record<string, Problem>>({});
  /** A sign-in in this same window came back without success: the page opens the manager for it. */
  returned = $state.raw<Failure | null>(null);

  #polls = new Map<string, AbortController>();
  #windows = new Map<string, Window>();

  open(): void {
    const heard = (data: unknown) => {
      if (typeof data !== "object" || data === null || !("type" in data) || data.type !== "gatepass:flow") return;
      if ("flowId" in data && typeof data.flowId === "string") void this.#ask(data.flowId);
    };
    addEventListener("message", (event) => {
      if (event.origin === location.origin) heard(event.data);
    });
    if ("BroadcastChannel" in window) new BroadcastChannel("gatepass:flows").addEventListener("message", (event) => heard(event.data));
    setInterval(() => this.#lookAtWindows(), 700);
    this.#pickUp();
  }

  pending(serverId: string): PendingFlow | null {
    return registry.flows.findLast((flow) => flow.serverId === serverId && !flow.superseded) ?? null;
  }

  /**
   * Begins a sign-in. Must be called in the click itself: the window has to be opened before anything is awaited. Without
   * a window (blocked, or a phone) the whole page goes to the sign-in and comes back.
   */
  async begin(serverId: string, choice: Choice): Promise<void> {
    const server = registry.get(serverId);
    if (!server) return;
    const popup = openWindow(serverId, hostOf(choice.issuer ?? server.url));
    // What was begun before may still be finished in its window, and then it counts.
    for (const flow of registry.flows) if (flow.serverId === serverId) this.#letGo(flow.flowId);
    registry.supersede(serverId);
    this.#setFailure(serverId, null);
    const request: StartRequest = {
      url: server.url,
      mode: popup ? "popup" : "redirect",
      ...choice,
      ...(server.connection ? { connection: server.connection } : {}),
      ...(popup ? {} : { returnTo: location.pathname }),
    };
    registry.update(serverId, { ...(choice.client ? { clientId: choice.client.clientId } : {}) });
    try {
      const started = await startFlow(request);
      const target = webAddress(started.authorizationUrl);
      registry.remember({ flowId: started.flowId, serverId, mode: request.mode, startedAt: Date.now(), expiresAt: started.expiresAt });
      if (!popup) {
        place.keep();
        return location.assign(target);
      }
      this.#windows.set(started.flowId, popup);
      // Closed already: the person changed their mind, but may still choose to try again.
      if (!popup.closed) popup.location.href = target;
      void this.#poll(started.flowId);
    } catch (error) {
      popup?.close();
      if (!(error instanceof ApiError)) throw error;
      this.#setFailure(serverId, error.problem);
      if (error.slug === "client-required") statuses.set(serverId, { state: "client-id-needed", problem: null });
      throw error;
    }
  }

  /** Gives up on a sign-in; its window is closed if it is ours to close. */
  cancel(serverId: string, andClose = true): void {
    for (const flow of registry.flows.filter((flow) => flow.serverId === serverId)) {
      if (andClose) this.#windows.get(flow.flowId)?.close();
      this.#stop(flow.flowId);
      registry.forget(flow.flowId);
    }
  }

  /** Reads and removes `#flow=…` that a sign-in in this window left in the address. */
  comeBack(): void {
    const id = /^#flow=([\w.~-]{1,200})$/.exec(location.hash)?.[1];
    if (!id) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    if (registry.flows.some((flow) => flow.flowId === id)) void this.#ask(id);
    else notices.say("A sign-in came back that this browser did not start, or that has ended already. Nothing was changed.", "bad");
  }

  #pickUp(): void {
    for (const flow of registry.flows) if (flow.expiresAt > Date.now()) void this.#poll(flow.flowId);
  }

  async #poll(flowId: string): Promise<void> {
    if (this.#polls.has(flowId)) return;
    const control = new AbortController();
    this.#polls.set(flowId, control);
    let failures = 0;
    while (!control.signal.aborted) {
      const flow = registry.flows.find((flow) => flow.flowId === flowId);
      if (!flow) break;
      const began = Date.now();
      try {
        if (await this.#ask(flowId, waitSeconds, control.signal)) break;
        failures = 0;
      } catch {
        failures += 1;
      }
      if (Date.now() >= flow.expiresAt) {
        this.#expire(flow);
        break;
      }
      // An answer that came at once did not wait for anything: do not ask in a tight loop.
      if (failures > 0 || Date.now() - began < 1000) await pause(Math.min(1000 * 2 ** failures, 10_000));
    }
    this.#polls.delete(flowId);
  }

  /** Asks how the flow is; true when it is over. */
  async #ask(flowId: string, wait = 0, signal?: AbortSignal): Promise<boolean> {
    const flow = registry.flows.find((flow) => flow.flowId === flowId);
    if (!flow) return true;
    try {
      const answer = await readFlow(flowId, wait, signal);
      // Another question may have been answered meanwhile.
      if (!registry.flows.some((flow) => flow.flowId === flowId)) return true;
      if (answer.status === "pending") return false;
      if (answer.status === "authorized" && answer.connection) {
        // In this order another tab never sees a sign-in that is over and has brought nothing.
        registry.connect(flow.serverId, answer.connection);
        this.cancel(flow.serverId);
        statuses.drop(flow.serverId);
        notices.say(`Connected to ${registry.get(flow.serverId)?.name ?? "the server"}.`, "good");
        void statuses.check(flow.serverId);
        return true;
      }
      this.#fail(flow, answer.problem ?? lost);
      return true;
    } catch (error) {
      if (error instanceof ApiError && ["flow-not-found", "flow-expired", "owner-required"].includes(error.slug)) {
        this.#fail(flow, error.problem);
        return true;
      }
      if (wait > 0) throw error;
      return false;
    }
  }

  #expire(flow: PendingFlow): void {
    this.#fail(flow, { ...lost, detail: "The sign-in was not finished in time. Start it again." });
  }

  #fail(flow: PendingFlow, problem: Problem): void {
    // It may have been superseded since it was asked about.
    const superseded = registry.flows.some((other) => other.flowId === flow.flowId && other.superseded);
    this.#over(flow);
    if (superseded) return;
    this.#setFailure(flow.serverId, problem);
    if (flow.mode === "redirect") this.returned = { serverId: flow.serverId, problem };
    // Whoever looks at the sign-in of this server reads it there.
    else if (manager.view.kind !== "authorize" || manager.view.serverId !== flow.serverId)
      notices.say(`${registry.get(flow.serverId)?.name ?? "The server"} was not connected: ${problem.detail}`, "bad");
  }

  #over(flow: PendingFlow): void {
    registry.forget(flow.flowId);
    this.#windows.get(flow.flowId)?.close();
    this.#stop(flow.flowId);
  }

  #stop(flowId: string): void {
    this.#polls.get(flowId)?.abort();
    this.#letGo(flowId);
  }

  /** Looks after its window no longer. */
  #letGo(flowId: string): void {
    this.#windows.delete(flowId);
    const { [flowId]: _, ...rest } = this.closed;
    this.closed = rest;
  }

  #setFailure(serverId: string, problem: Problem | null): void {
    const { [serverId]: _, ...rest } = this.failures;
    this.failures = problem ? { ...rest, [serverId]: problem } : rest;
  }

  #lookAtWindows(): void {
    for (const [flowId, popup] of this.#windows) {
      if (!registry.flows.some((flow) => flow.flowId === flowId)) {
        // Another tab was faster, or gave it up.
        popup.close();
        this.#letGo(flowId);
      } else if (popup.closed && !this.closed[flowId]) {
        this.closed = { ...this.closed, [flowId]: true };
        void this.#ask(flowId);
      }
    }
  }
}

const lost: Problem = {
  type: "/problems/flow-expired",
  title: "The sign-in took too long",
  status: 410,
  detail: "The sign-in ended without a result. Start it again.",
  action: "authorize",
};

/** The server refuses anything else as well; a window is never sent to a script. */
function webAddress(url: string): string {
  const scheme = URL.canParse(url) ? new URL(url).protocol : "";
  if (scheme === "https:" || scheme === "http:") return url;
  throw new ApiError({
    type: "/problems/bad-authorization-url",
    title: "The sign-in cannot be opened",
    status: 502,
    detail: "The sign-in page has an address that is no web address, so it was not opened.",
    action: "none",
  });
}

function openWindow(serverId: string, host: string): Window | null {
  let popup: Window | null = null;
  // On a phone a second window is a tab that is hard to come back from.
  if (matchMedia("(pointer: coarse) and (max-width: 40rem)").matches) return null;
  try {
    popup = window.open("about:blank", `gatepass-${serverId}`, "popup,width=520,height=720");
  } catch {
    return null;
  }
  try {
    if (popup) {
      popup.document.title = `Sign in with ${host}`;
      const { body } = popup.document;
      body.textContent = `Taking you to ${host}…`;
      body.style.cssText = "margin:0;height:100dvh;display:grid;place-items:center;background:canvas;color:canvastext;font:17px system-ui";
      popup.document.documentElement.style.colorScheme = getComputedStyle(document.documentElement).colorScheme;
    }
  } catch {
    // A window of an earlier sign-in that shows another site: it is about to be sent to the new one.
  }
  return popup;
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

export const flows = new Flows();
