import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../src/lib/api/types";

const minute = 60_000;

const connection = (generation: number, expiresIn: number): Connection => ({
  id: "c1",
  sealed: `sealed-${generation}`,
  resource: "https://a.example/mcp",
  issuer: "https://auth.example",
  scopes: [],
  expiresAt: Date.now() + expiresIn,
  refreshable: true,
  generation,
  registration: "dynamic",
});

/** A tab: modules of its own over the storage and the locks that all share. */
async function tab() {
  vi.resetModules();
  const { registry } = await import("../src/lib/state/registry.svelte");
  const { refreshBeforeUse } = await import("../src/lib/state/refresh");
  const { onConnection } = await import("../src/lib/api/client");
  onConnection((url, connection) => registry.hear(url, connection));
  registry.open();
  return { registry, refresh: () => refreshBeforeUse(registry.servers) };
}

/** The browser's locks: one holder per name, the others wait. */
function locks() {
  const last = new Map<string, Promise<unknown>>();
  return {
    request: (name: string, _options: unknown, work: () => Promise<void>) => {
      const mine = (last.get(name) ?? Promise.resolve()).then(work);
      last.set(name, mine.catch(() => {}));
      return mine;
    },
  };
}

describe("a connection that is about to end", () => {
  let asked: unknown[];
  let answer: (body: { connection: Connection }) => Response;

  beforeEach(() => {
    localStorage.clear();
    asked = [];
    answer = () => Response.json({ connection: connection(2, 5 * minute) });
    vi.stubGlobal("navigator", { locks: locks() });
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      expect(url).toBe("/api/mcp/oauth/refresh");
      const body = JSON.parse(String(init.body));
      asked.push(body);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return answer(body);
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  async function twoTabs(expiresIn: number) {
    const one = await tab();
    const { id } = one.registry.add("https://a.example/mcp", { enabled: true });
    one.registry.connect(id, connection(1, expiresIn));
    return { one, two: await tab(), id };
  }

  it("is renewed by one of two tabs, though neither has heard of the other", async () => {
    const { one, two, id } = await twoTabs(30_000);
    await Promise.all([one.refresh(), two.refresh()]);
    expect(asked).toHaveLength(1);
    for (const { registry } of [one, two]) expect(registry.get(id)?.connection?.generation).toBe(2);
  });

  it("is renewed by the second tab when the first one's attempt failed", async () => {
    const { one, two, id } = await twoTabs(30_000);
    answer = () => {
      answer = () => Response.json({ connection: connection(2, 5 * minute) });
      return Response.json({ type: "/problems/temporarily-unavailable", title: "", status: 503, detail: "Later.", action: "retry" }, { status: 503, headers: { "content-type": "application/problem+json" } });
    };
    await Promise.all([one.refresh(), two.refresh()]);
    expect(asked).toHaveLength(2);
    expect(two.registry.get(id)?.connection?.generation).toBe(2);
  });

  it("is left to the server's clock, since the page's may be wrong", async () => {
    const { one } = await twoTabs(30_000);
    await one.refresh();
    expect(asked).toEqual([expect.objectContaining({ ifDue: true })]);
  });

  it("is not asked about while it lasts", async () => {
    const { one, two } = await twoTabs(5 * minute);
    await Promise.all([one.refresh(), two.refresh()]);
    expect(asked).toEqual([]);
  });
});
