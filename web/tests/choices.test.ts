import { beforeEach, describe, expect, it, vi } from "vitest";

async function page() {
  vi.resetModules();
  const { registry } = await import("../src/lib/state/registry.svelte");
  const { choices } = await import("../src/lib/state/choices.svelte");
  registry.open();
  choices.open();
  return { registry, choices };
}

const names = (servers: { name: string }[]) => servers.map(({ name }) => name);

describe("the servers of a chat", () => {
  beforeEach(() => localStorage.clear());

  it("are those switched on, unless the chat itself chose otherwise", async () => {
    const { registry, choices } = await page();
    const notes = registry.add("https://notes.example/mcp", { name: "Notes", enabled: true });
    const math = registry.add("https://math.example/mcp", { name: "Math", enabled: false });
    expect(names(choices.inChat("one"))).toEqual(["Notes"]);
    choices.set("one", notes.id, false);
    choices.set("one", math.id, true);
    expect(names(choices.inChat("one"))).toEqual(["Math"]);
    expect(names(choices.inChat("two"))).toEqual(["Notes"]);
    expect(names((await page()).choices.inChat("one"))).toEqual(["Math"]);
  });

  it("go with a new chat when it gets its id, and the next one starts afresh", async () => {
    const { registry, choices } = await page();
    const notes = registry.add("https://notes.example/mcp", { name: "Notes", enabled: true });
    choices.set(null, notes.id, false);
    choices.adopt("c1");
    expect(choices.inChat("c1")).toEqual([]);
    expect(names(choices.inChat(null))).toEqual(["Notes"]);
  });

  it("follow the server's own switch in the chat to come", async () => {
    const { registry, choices } = await page();
    const notes = registry.add("https://notes.example/mcp", { name: "Notes", enabled: true });
    choices.set(null, notes.id, false);
    registry.update(notes.id, { enabled: true });
    choices.follow(notes.id);
    expect(names(choices.inChat(null))).toEqual(["Notes"]);
  });

  it("are not confused by what somebody wrote into the storage", async () => {
    localStorage.setItem("gatepass:choices", '{"one": 7, "two": {"a": "yes", "b": true}, "__proto__": {"c": true}}');
    const { registry, choices } = await page();
    const notes = registry.add("https://notes.example/mcp", { name: "Notes", enabled: true });
    expect(names(choices.inChat("one"))).toEqual(["Notes"]);
    localStorage.setItem("gatepass:choices", "{half");
    choices.set("one", notes.id, false);
    expect(choices.inChat("one")).toEqual([]);
  });

  it("are remembered for a bounded number of chats", async () => {
    const { registry, choices } = await page();
    const notes = registry.add("https://notes.example/mcp", { name: "Notes", enabled: true });
    for (let at = 0; at < 300; at += 1) choices.set(`c${at}`, notes.id, false);
    const kept: unknown = JSON.parse(localStorage.getItem("gatepass:choices") ?? "{}");
    expect(Object.keys(kept as object)).toHaveLength(200);
    expect(choices.inChat("c299")).toEqual([]);
  });
});
