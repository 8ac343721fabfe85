import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../src/lib/api/types";
import { storageKey } from "../src/lib/state/storage";

const connection = (generation: number, id = "c1"): Connection => ({
  id,
  sealed: `sealed-${id}-${generation}`,
  resource: "https://a.example/mcp",
  issuer: "https://auth.example",
  scopes: [],
  expiresAt: null,
  refreshable: true,
  generation,
  registration: "dynamic",
});

/** A tab: modules of its own over the storage that all share. */
async function tab() {
  vi.resetModules();
  const { registry, targetOf } = await import("../src/lib/state/registry.svelte");
  const { notices } = await import("../src/lib/state/notices.svelte");
  registry.open();
  return { registry, targetOf, notices };
}

const stored = () => JSON.parse(localStorage.getItem(storageKey) ?? "null");
const tell = () => dispatchEvent(new StorageEvent("storage", { key: storageKey, newValue: localStorage.getItem(storageKey) }));

describe("the servers of a browser", () => {
  beforeEach(() => localStorage.clear());
  afterEach(() => vi.unstubAllGlobals());

  it("are kept by every tab, although none has seen the other's addition", async () => {
    const one = await tab();
    const two = await tab();
    one.registry.add("https://one.example/mcp", { enabled: true });
    two.registry.add("https://two.example/mcp", { enabled: true });
    expect(stored().servers.map(({ url }: { url: string }) => url).sort()).toEqual(["https://one.example/mcp", "https://two.example/mcp"]);
    tell();
    expect(one.registry.servers).toHaveLength(2);
  });

  it("show another tab's sign-in and sign-out at once", async () => {
    const one = await tab();
    const { id } = one.registry.add("https://a.example/mcp", { enabled: false });
    const two = await tab();
    two.registry.connect(id, connection(1));
    tell();
    expect(one.registry.get(id)).toMatchObject({ enabled: true, connection: { generation: 1 } });
    two.registry.disconnect(id);
    tell();
    expect(one.registry.get(id)).not.toHaveProperty("connection");
  });

  it("say when another tab changed what a server is reached with, and only then", async () => {
    const one = await tab();
    const { id } = one.registry.add("https://a.example/mcp", { enabled: false });
    const changed = vi.fn();
    one.registry.onAccessChanged(changed);
    const two = await tab();
    two.registry.update(id, { name: "Renamed" });
    tell();
    expect(one.registry.get(id)?.name).toBe("Renamed");
    expect(changed).not.toHaveBeenCalled();
    two.registry.connect(id, connection(1));
    tell();
    two.registry.hear("https://a.example/mcp", connection(2));
    tell();
    expect(changed.mock.calls).toEqual([[id]]);
    two.registry.disconnect(id);
    tell();
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("have names of one line and of bounded length, whatever a server calls itself", async () => {
    const { registry } = await tab();
    const { id } = registry.add("https://a.example/mcp", { enabled: true });
    registry.introduce(id, `\u001b[31mRed\u202e <b>bold</b>\n${"x".repeat(1_000_000)}`);
    const name = registry.get(id)?.name ?? "";
    expect(name).toMatch(/^Red <b>bold<\/b> x+…$/);
    expect(name.length).toBeLessThanOrEqual(80);
  });

  it("take a newer connection from any answer, and never an older, foreign or ended one", async () => {
    const { registry } = await tab();
    const { id, url } = registry.add("https://a.example/mcp", { enabled: true });
    registry.hear(url, connection(1));
    expect(registry.get(id)).not.toHaveProperty("connection");
    registry.connect(id, connection(4));
    registry.hear(url, connection(5));
    registry.hear(url, connection(3));
    registry.hear(url, connection(99, "another"));
    registry.hear("https://b.example/mcp", connection(98));
    expect(registry.get(id)?.connection?.sealed).toBe("sealed-c1-5");
    registry.disconnect(id);
    registry.hear(url, connection(6));
    expect(registry.get(id)).not.toHaveProperty("connection");
    expect(localStorage.getItem(storageKey)).not.toContain("sealed-");
  });

  it("have names that tell them apart", async () => {
    const { registry } = await tab();
    const names = [1, 2, 3].map(() => registry.add("https://mcp.linear.app/mcp", { enabled: true }).name);
    expect(names).toEqual(["Linear", "Linear 2", "Linear 3"]);
  });

  it("take the title they give themselves, unless somebody named them", async () => {
    const { registry } = await tab();
    const plain = registry.add("https://mcp.linear.app/mcp", { enabled: true });
    const named = registry.add("https://mcp.notes.example/mcp", { enabled: true, name: "Mine" });
    registry.introduce(plain.id, " Linear tickets ");
    registry.introduce(named.id, "Notes");
    registry.introduce(plain.id, "Something else later");
    registry.introduce(plain.id, undefined);
    expect(registry.servers.map(({ name }) => name)).toEqual(["Linear tickets", "Mine"]);
  });

  it("stay removed, with their sign-ins", async () => {
    const { registry } = await tab();
    const { id } = registry.add("https://a.example/mcp", { enabled: true });
    const before = localStorage.getItem(storageKey) ?? "";
    registry.remember({ flowId: "f", serverId: id, mode: "popup", startedAt: Date.now(), expiresAt: Date.now() + 60_000 });
    registry.remove(id);
    // A slower tab writes what it knew.
    dispatchEvent(new StorageEvent("storage", { key: storageKey, newValue: before }));
    expect(registry.servers).toEqual([]);
    expect(registry.flows).toEqual([]);
  });

  it("outlive a damaged entry, and the page says what it dropped", async () => {
    localStorage.setItem(storageKey, JSON.stringify({ servers: [{ id: "a", name: "A", url: "https://a.example/mcp" }, { id: "b", name: "B" }] }));
    const { registry, notices } = await tab();
    expect(registry.servers.map(({ name }) => name)).toEqual(["A"]);
    expect(notices.list.map(({ text }) => text)).toEqual([expect.stringContaining("the server “B”")]);
    expect(stored().servers).toHaveLength(1);
  });

  it("work without a storage that keeps anything, and the page says so once", async () => {
    const setItem = vi.fn(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    vi.stubGlobal("localStorage", { length: 0, getItem: () => null, key: () => null, removeItem: () => {}, setItem });
    const { registry, notices } = await tab();
    registry.add("https://a.example/mcp", { enabled: true });
    registry.add("https://b.example/mcp", { enabled: true });
    expect(setItem).toHaveBeenCalledTimes(2);
    expect(registry.servers).toHaveLength(2);
    expect(notices.list.map(({ text }) => text)).toEqual([expect.stringContaining("until you close this tab")]);
  });

  it("give a call what it needs to reach them and nothing else", async () => {
    const { registry, targetOf } = await tab();
    const { id } = registry.add("https://a.example/mcp", { enabled: true, key: { sealedHeaders: "s1.k", headerNames: ["X-Key"] }, name: "A" });
    registry.connect(id, connection(1));
    const server = registry.get(id);
    expect(server && targetOf(server)).toEqual({ url: "https://a.example/mcp", sealedHeaders: "s1.k", connection: connection(1) });
  });
});
