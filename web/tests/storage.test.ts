import { beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../src/lib/api/types";
import { damagedKey, load, merge, missingScopes, newer, parseConnection, parseSaved, storageKey, tidy, type Saved, type Server } from "../src/lib/state/storage";

const connection = (generation: number, id = "c1"): Connection => ({
  id,
  sealed: `sealed-${id}-${generation}`,
  resource: "https://a.example/mcp",
  issuer: "https://auth.example",
  scopes: ["notes:read"],
  expiresAt: 1_800_000_000_000,
  refreshable: true,
  generation,
  registration: "dynamic",
});

const server = (id: string, more: Partial<Server> = {}): Server => ({ id, name: id, url: `https://${id}.example/mcp`, enabled: true, ...more });

const saved = (servers: Server[], more: Partial<Saved> = {}): Saved => ({ servers, flows: [], gone: {}, ...more });

describe("what was saved", () => {
  it("is read back as it was written", () => {
    const before = saved([server("a", { connection: connection(3), clientId: "me", tools: { add: { policy: "ask", definition: "d" } } }), server("k", { sealedHeaders: "s1.x", headerNames: ["X-Key"] }), server("b", { enabled: false })], {
      flows: [{ flowId: "f", serverId: "b", mode: "redirect", startedAt: 1, expiresAt: 2 }],
      gone: { old: 5 },
    });
    expect(parseSaved(JSON.stringify(before))).toEqual({ saved: before, dropped: [], damaged: false });
  });

  it.each([
    ["{half", /damaged/],
    ["null", /unknown form/],
    ['{"servers": {}}', /unknown form/],
  ])("is dropped and named when it is %s", (text, words) => {
    const { saved: kept, dropped } = parseSaved(text);
    expect(kept).toEqual({ servers: [], flows: [], gone: {} });
    expect(dropped).toEqual([expect.stringMatching(words)]);
  });

  it("loses only the entries that cannot be read, by name", () => {
    const text = JSON.stringify({
      servers: [
        server("good"),
        { id: "x", name: "Scripted", url: "javascript:alert(1)", enabled: true },
        { id: "y", name: "Nowhere", url: "https://", enabled: true },
        7,
        { ...server("torn"), connection: { id: "c", sealed: 7 } },
        server("good", { name: "the same id again" }),
      ],
      flows: [{ flowId: 7 }],
      gone: { a: "x" },
    });
    const { saved: kept, dropped } = parseSaved(text);
    expect(kept.servers).toEqual([server("good"), server("torn")]);
    expect(kept.flows).toEqual([]);
    expect(kept.gone).toEqual({});
    expect(dropped).toEqual(["the server “Scripted”", "the server “Nowhere”", "a saved server", "the connection of “torn”"]);
  });
});

describe("what somebody edited by hand", () => {
  it("keeps every server whose other members are wrong, and says what it lost", () => {
    const odd = { ...server("a"), connection: "x", headers: { "X-Key": "plain" }, tools: { add: "always", sub: { policy: "sometimes" }, mul: { policy: "never" } }, enabled: "yes" };
    const { saved: kept, dropped } = parseSaved(JSON.stringify({ servers: [odd], flows: 7, gone: [] }));
    expect(kept.servers).toEqual([server("a", { enabled: false, tools: { mul: { policy: "never" } } })]);
    expect(dropped).toEqual(["the API key of “a”", "the connection of “a”"]);
  });

  it("cannot make names that run over the page or turn its direction", () => {
    const { saved: kept, dropped } = parseSaved(
      JSON.stringify({ servers: [server("a", { name: `\u202e${"n".repeat(1_000_000)}` }), { id: "b", name: "\u001b[2J\u202eevil".repeat(9999), url: "x" }] }),
    );
    expect(kept.servers[0]?.name).toMatch(/^n{79}…$/);
    expect(dropped[0]).toMatch(/^the server “(?:evil)+\w*…”$/);
    expect(dropped[0]?.length).toBeLessThan(100);
  });

  it("is read in time however large it is", () => {
    const many = Array.from({ length: 5000 }, (_, at) => server(`s${at}`));
    const { saved: kept, dropped } = parseSaved(JSON.stringify({ servers: many }));
    expect(kept.servers).toHaveLength(500);
    expect(dropped).toEqual(["all servers after the first 500"]);
  });
});

describe("a connection from elsewhere", () => {
  it("is kept with every member that is sent back", () => {
    expect(parseConnection({ ...connection(1) })).toEqual(connection(1));
    expect(parseConnection({ ...connection(1), expiresAt: null })).toMatchObject({ expiresAt: null });
  });

  it.each([
    ["no seal", { sealed: undefined }],
    ["a generation in words", { generation: "2" }],
    ["half a generation", { generation: 1.5 }],
    ["no issuer", { issuer: null }],
  ])("is none with %s", (_, change) => {
    expect(parseConnection(JSON.parse(JSON.stringify({ ...connection(1), ...change })))).toBeNull();
  });
});

describe("of two connections", () => {
  it("the higher generation stays, whichever comes first", () => {
    expect(newer(connection(4), connection(5), {})?.generation).toBe(5);
    expect(newer(connection(5), connection(4), {})?.generation).toBe(5);
  });

  it("a new sign-in replaces the former, even with a lower generation", () => {
    expect(newer(connection(9), connection(1, "c2"), {})?.id).toBe("c2");
  });

  it("one that has ended never comes back", () => {
    expect(newer(undefined, connection(9), { c1: 1 })).toBeUndefined();
    expect(newer(connection(1, "c2"), connection(9), { c1: 1 })?.id).toBe("c2");
    expect(newer(connection(9), undefined, { c1: 1 })).toBeUndefined();
  });
});

it("a connection lacks the scopes it was not granted, whatever their order", () => {
  const granted = { ...connection(1), scopes: ["tools", "notes:read"] };
  expect(missingScopes(granted, ["notes:read", "notes:write", "tools"])).toEqual(["notes:write"]);
  expect(missingScopes(granted, [])).toEqual([]);
});

describe("two tabs", () => {
  it("keep what each of them added", () => {
    const merged = merge(saved([server("a"), server("mine")]), saved([server("a"), server("theirs")]));
    expect(merged.servers.map(({ id }) => id).sort()).toEqual(["a", "mine", "theirs"]);
  });

  it("agree on the newest connection, wherever it was refreshed", () => {
    const old = saved([server("a", { connection: connection(1), name: "Old name" })]);
    const fresh = saved([server("a", { connection: connection(2), name: "New name" })]);
    expect(merge(old, fresh).servers[0]?.connection?.generation).toBe(2);
    expect(merge(fresh, old).servers[0]?.connection?.generation).toBe(2);
    expect(merge(old, fresh).servers[0]?.name).toBe("New name");
  });

  it("do not bring back what one of them removed or disconnected", () => {
    const before = saved([server("a"), server("b", { connection: connection(7) })]);
    const after = saved([server("b")], { gone: { a: 1, c1: 1 } });
    for (const merged of [merge(before, after), merge(after, before)]) {
      expect(merged.servers.map(({ id }) => id)).toEqual(["b"]);
      expect(merged.servers[0]).not.toHaveProperty("connection");
    }
  });

  it("both see a sign-in that one of them started, until it is over", () => {
    const flow = { flowId: "f", serverId: "a", mode: "popup" as const, startedAt: 1, expiresAt: 2 };
    const here = saved([server("a")], { flows: [flow] });
    expect(merge(saved([server("a")]), here).flows).toEqual([flow]);
    expect(merge(here, here).flows).toEqual([flow]);
    expect(merge(here, saved([server("a")], { gone: { f: 1 } })).flows).toEqual([]);
  });
});

describe("what is written", () => {
  it("forgets sign-ins that ran out", () => {
    const flow = (flowId: string, expiresAt: number) => ({ flowId, serverId: "a", mode: "popup" as const, startedAt: 0, expiresAt });
    expect(tidy(saved([], { flows: [flow("over", 99), flow("under way", 101)] }), 100).flows.map(({ flowId }) => flowId)).toEqual(["under way"]);
  });

  it("does not grow with every server that was ever removed", () => {
    const now = 1_800_000_000_000;
    const gone = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`s${at}`, now - at]));
    const kept = tidy(saved([], { gone: { ...gone, ancient: 0 } }), now).gone;
    expect(Object.keys(kept).length).toBeLessThan(1000);
    expect(kept).toHaveProperty("s0");
    expect(kept).not.toHaveProperty("ancient");
  });
});

describe("at start", () => {
  beforeEach(() => localStorage.clear());

  it("what another version saved is left alone, and noticed where there is nothing of ours", () => {
    localStorage.setItem("gatepass:v2", '{"later":1}');
    localStorage.setItem("gatepass:theme", "dark");
    expect(load(localStorage)).toEqual({ saved: { servers: [], flows: [], gone: {} }, dropped: [], foreign: true });
    expect(localStorage.getItem("gatepass:v2")).toBe('{"later":1}');
    localStorage.setItem(storageKey, JSON.stringify(saved([server("a")])));
    expect(load(localStorage)).toMatchObject({ saved: { servers: [server("a")] }, foreign: false });
  });

  it("a value that cannot be read whole is put aside before anything is written over it", () => {
    const text = JSON.stringify({ servers: [server("a"), 7] });
    localStorage.setItem(storageKey, text);
    expect(load(localStorage).dropped).toEqual(["a saved server"]);
    expect(localStorage.getItem(damagedKey)).toBe(text);
  });
});
