import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chatPath, parsePath, router } from "../src/lib/router.svelte";

describe("a path", () => {
  it.each([
    ["/", { page: "chat", conversation: null }],
    ["/servers", { page: "servers" }],
    ["/c/0193", { page: "chat", conversation: "0193" }],
    ["/c/a%2Fb", { page: "chat", conversation: "a/b" }],
    ["/c/", { page: "unknown" }],
    ["/c/a/b", { page: "unknown" }],
    ["/c/%E0%A4%A", { page: "unknown" }],
    ["/elsewhere", { page: "unknown" }],
  ])("%s names its page", (path, route) => {
    expect(parsePath(path)).toEqual(route);
  });

  it("of a conversation leads back to it", () => {
    for (const id of ["0193", "a/b", "ä?#"]) expect(parsePath(chatPath(id))).toEqual({ page: "chat", conversation: id });
    expect(chatPath(null)).toBe("/");
  });
});

describe("moving between pages", () => {
  beforeEach(() => router.go("/"));
  afterEach(() => document.body.replaceChildren());

  const click = (href: string, options: MouseEventInit = {}) => {
    const link = document.body.appendChild(document.createElement("a"));
    link.href = href;
    const event = new MouseEvent("click", { bubbles: true, cancelable: true, button: 0, ...options });
    link.dispatchEvent(event);
    return event;
  };

  it("follows the page's own links without a reload, and no others", () => {
    router.open();
    expect(click("/servers").defaultPrevented).toBe(true);
    expect(router.route).toEqual({ page: "servers" });
    expect(click("/api/openapi.json").defaultPrevented).toBe(false);
    expect(click("https://elsewhere.example/servers").defaultPrevented).toBe(false);
    expect(click("/", { ctrlKey: true }).defaultPrevented).toBe(false);
    expect(router.route).toEqual({ page: "servers" });
  });

  it("adds a step back when going, none when a new chat gets its id", () => {
    const before = history.length;
    router.replace("/c/1");
    expect(history.length).toBe(before);
    expect(router.route).toEqual({ page: "chat", conversation: "1" });
    router.go("/servers");
    expect(history.length).toBe(before + 1);
  });
});
