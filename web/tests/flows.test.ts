import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection, FlowAnswer, Problem } from "../src/lib/api/types";
import { storageKey } from "../src/lib/state/storage";

const connection: Connection = {
  id: "c1",
  sealed: "sealed",
  resource: "https://mcp.example.com/mcp",
  issuer: "https://auth.example.com",
  scopes: [],
  expiresAt: null,
  refreshable: true,
  generation: 1,
  registration: "dynamic",
};

const denied: Problem = { type: "/problems/access-denied", title: "Denied", status: 403, detail: "You did not allow the access.", action: "authorize" };

/** Gatepass as the page sees it: what `start` was asked, and how each flow stands. */
class Server {
  starts: Record<string, unknown>[] = [];
  flow: FlowAnswer = { status: "pending" };
  /** How single flows ended, by their ids. */
  ended: Record<string, FlowAnswer> = {};
  startProblem: Problem | null = null;
  expiresIn = 600_000;
  #waiting: (() => void)[] = [];

  end(flow: FlowAnswer): void {
    this.flow = flow;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  endOne(id: string, flow: FlowAnswer): void {
    this.ended[id] = flow;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async answer(path: string, init: RequestInit): Promise<Response> {
    const json = (body: unknown, status = 200) =>
      new Response(JSON.stringify(body), { status, headers: { "content-type": status < 400 ? "application/json" : "application/problem+json" } });
    if (path === "/api/mcp/oauth/start") {
      this.starts.push(JSON.parse(String(init.body)));
      if (this.startProblem) return json(this.startProblem, this.startProblem.status);
      return json({ flowId: `f${this.starts.length}`, authorizationUrl: "https://auth.example.com/authorize?x=1", expiresAt: Date.now() + this.expiresIn });
    }
    if (path.startsWith("/api/mcp/oauth/flows/")) {
      const id = /flows\/([^?]+)/.exec(path)?.[1] ?? "";
      if (path.includes("wait=") && !this.ended[id] && this.flow.status === "pending") {
        await new Promise<void>((wake) => {
          this.#waiting.push(wake);
          init.signal?.addEventListener("abort", () => wake());
        });
        init.signal?.throwIfAborted();
      }
      return json(this.ended[id] ?? this.flow);
    }
    if (path === "/api/mcp/tools") return json({ server: { name: "n" }, protocolVersion: "2026-07-28", tools: [] });
    return json(denied, 404);
  }
}

const popupOf = () => ({ closed: false, location: { href: "about:blank" }, document: { title: "", body: { textContent: "" } }, close: vi.fn() });

async function page(popup: ReturnType<typeof popupOf> | null) {
  vi.resetModules();
  const server = new Server();
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => server.answer(path, init));
  const opened = vi.fn(() => popup);
  vi.stubGlobal("open", opened);
  const { flows } = await import("../src/lib/state/flows.svelte");
  const { registry } = await import("../src/lib/state/registry.svelte");
  const { notices } = await import("../src/lib/state/notices.svelte");
  const { statuses } = await import("../src/lib/state/status.svelte");
  registry.open();
  return { server, flows, registry, notices, statuses, opened };
}

describe("a sign-in", () => {
  beforeEach(() => localStorage.clear());
  afterEach(() => vi.unstubAllGlobals());

  it("opens its window within the click, before anything is awaited", async () => {
    const popup = popupOf();
    const { server, flows, registry, opened } = await page(popup);
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    const begun = flows.begin(id, {});
    // Not awaited yet: a browser lets a window open only now.
    expect(opened).toHaveBeenCalledOnce();
    expect(popup.location.href).toBe("about:blank");
    await begun;
    expect(server.starts).toMatchObject([{ url: "https://mcp.example.com/mcp", mode: "popup" }]);
    expect(popup.location.href).toBe("https://auth.example.com/authorize?x=1");
  });

  it("is seen to succeed by asking, although no window ever says a word", async () => {
    const popup = popupOf();
    const { server, flows, registry, statuses } = await page(popup);
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    // A sign-in page that cuts the opener off makes the window look closed at once.
    popup.closed = true;
    expect(statuses.state(registry.get(id)!)).toBe("signing-in");
    server.end({ status: "authorized", connection });
    await vi.waitFor(() => expect(registry.get(id)).toMatchObject({ enabled: true, connection: { id: "c1" } }));
    expect(flows.pending(id)).toBeNull();
    await vi.waitFor(() => expect(statuses.state(registry.get(id)!)).toBe("connected"));
  });

  it("that was declined says why and can be started again", async () => {
    const { server, flows, registry } = await page(popupOf());
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    server.end({ status: "failed", problem: denied });
    await vi.waitFor(() => expect(flows.failures[id]).toEqual(denied));
    expect(flows.pending(id)).toBeNull();
    server.flow = { status: "pending" };
    await flows.begin(id, {});
    expect(flows.failures[id]).toBeUndefined();
    expect(server.starts).toHaveLength(2);
  });

  it("that was begun anew still counts when the first one is finished after all", async () => {
    const { server, flows, registry, statuses } = await page(popupOf());
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    await flows.begin(id, {});
    expect(flows.pending(id)?.flowId).toBe("f2");
    server.endOne("f1", { status: "authorized", connection });
    await vi.waitFor(() => expect(registry.get(id)?.connection?.id).toBe("c1"));
    expect(registry.flows).toEqual([]);
    await vi.waitFor(() => expect(statuses.state(registry.get(id)!)).toBe("connected"));
  });

  it("that was begun anew says nothing about the failure of the first one", async () => {
    const { server, flows, registry } = await page(popupOf());
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    await flows.begin(id, {});
    server.endOne("f1", { status: "failed", problem: denied });
    await vi.waitFor(() => expect(registry.flows.map(({ flowId }) => flowId)).toEqual(["f2"]));
    expect(flows.failures[id]).toBeUndefined();
    expect(flows.pending(id)?.flowId).toBe("f2");
  });

  it("keeps its place in the storage, so that a reload picks the result up", async () => {
    const first = await page(popupOf());
    const { id } = first.registry.add("https://mcp.example.com/mcp", { enabled: false });
    await first.flows.begin(id, {});
    const later = await page(null);
    later.server.flow = { status: "authorized", connection };
    later.flows.open();
    await vi.waitFor(() => expect(later.registry.get(id)?.connection?.id).toBe("c1"));
  });

  it("without a usable client asks for one, closes the window and keeps the server", async () => {
    const popup = popupOf();
    const { server, flows, registry, statuses } = await page(popup);
    server.startProblem = { ...denied, type: "/problems/client-required", status: 422, action: "enter-client" };
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await expect(flows.begin(id, {})).rejects.toThrow();
    expect(popup.close).toHaveBeenCalled();
    expect(statuses.state(registry.get(id)!)).toBe("client-id-needed");
    server.startProblem = null;
    await flows.begin(id, { client: { clientId: "mine" } });
    expect(server.starts[1]).toMatchObject({ client: { clientId: "mine" } });
    expect(registry.get(id)?.clientId).toBe("mine");
  });

  it("never sends a window to anything but a web address", async () => {
    const popup = popupOf();
    const { server, flows, registry } = await page(popup);
    vi.spyOn(server, "answer").mockResolvedValue(
      new Response(JSON.stringify({ flowId: "f", authorizationUrl: "javascript:alert(1)", expiresAt: Date.now() + 1000 }), { headers: { "content-type": "application/json" } }),
    );
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await expect(flows.begin(id, {})).rejects.toThrow("no web address");
    expect(popup.location.href).toBe("about:blank");
    expect(popup.close).toHaveBeenCalled();
    expect(flows.pending(id)).toBeNull();
    expect(flows.failures[id]?.detail).toContain("not opened");
  });

  it("given up by the user is over everywhere, and its late result changes nothing", async () => {
    const { server, flows, registry } = await page(popupOf());
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    flows.cancel(id);
    server.end({ status: "authorized", connection });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(registry.get(id)).not.toHaveProperty("connection");
    expect(JSON.parse(localStorage.getItem(storageKey) ?? "{}").flows).toEqual([]);
  });
});

describe("a sign-in in the page's own window", () => {
  beforeEach(() => localStorage.clear());
  afterEach(() => {
    vi.unstubAllGlobals();
    history.replaceState(null, "", "/");
  });

  it("is what happens when the browser blocks the window; it leads back to this page", async () => {
    history.replaceState(null, "", "/c/0193");
    const { server, flows, registry } = await page(null);
    const assign = vi.spyOn(location, "assign").mockImplementation(() => {});
    const { id } = registry.add("https://mcp.example.com/mcp", { enabled: false });
    await flows.begin(id, {});
    expect(server.starts).toMatchObject([{ mode: "redirect", returnTo: "/c/0193" }]);
    expect(assign).toHaveBeenCalledWith("https://auth.example.com/authorize?x=1");
  });

  it("leaves no trace in the address and lands its result", async () => {
    const before = await page(null);
    vi.spyOn(location, "assign").mockImplementation(() => {});
    const { id } = before.registry.add("https://mcp.example.com/mcp", { enabled: false });
    await before.flows.begin(id, {});
    history.replaceState(null, "", "/c/0193#flow=f1");
    const after = await page(null);
    after.server.flow = { status: "authorized", connection };
    after.flows.comeBack();
    expect(location.hash).toBe("");
    expect(location.pathname).toBe("/c/0193");
    await vi.waitFor(() => expect(after.registry.get(id)?.connection?.id).toBe("c1"));
    expect(after.notices.list.map(({ tone }) => tone)).toContain("good");
  });

  it("that was declined is shown, not swallowed", async () => {
    const before = await page(null);
    vi.spyOn(location, "assign").mockImplementation(() => {});
    const { id } = before.registry.add("https://mcp.example.com/mcp", { enabled: false });
    await before.flows.begin(id, {});
    history.replaceState(null, "", "/#flow=f1");
    const after = await page(null);
    after.server.flow = { status: "failed", problem: denied };
    after.flows.comeBack();
    await vi.waitFor(() => expect(after.flows.returned).toEqual({ serverId: id, problem: denied }));
  });

  it("that nobody here started changes nothing and says so", async () => {
    history.replaceState(null, "", "/#flow=somebody-elses");
    const { flows, registry, notices } = await page(null);
    flows.comeBack();
    expect(location.hash).toBe("");
    expect(registry.servers).toEqual([]);
    expect(notices.list).toMatchObject([{ tone: "bad" }]);
  });
});
