import { describe, expect, it } from "vitest";
import { headerProblem } from "../src/lib/paste/header";
import { parsePaste } from "../src/lib/paste/paste";
import { parseServerUrl } from "../src/lib/paste/url";

const urlOf = (text: string) => {
  const result = parseServerUrl(text);
  return result.ok ? result.url : `refused: ${result.reason}`;
};

describe("a pasted URL", () => {
  it.each([
    ["  https://mcp.example.com/mcp \n", "https://mcp.example.com/mcp"],
    ["<https://mcp.example.com/mcp>", "https://mcp.example.com/mcp"],
    ['"https://mcp.example.com/mcp",', "https://mcp.example.com/mcp"],
    ["mcp.example.com/mcp", "https://mcp.example.com/mcp"],
    ["//mcp.example.com/mcp", "https://mcp.example.com/mcp"],
    ["localhost:4284/mcp", "http://localhost:4284/mcp"],
    ["127.0.0.1:4284/mcp", "http://127.0.0.1:4284/mcp"],
    ["[::1]:4284/mcp", "http://[::1]:4284/mcp"],
    ["http://mcp.example.com/mcp", "http://mcp.example.com/mcp"],
    ["https://mcp.example.com/mcp?team=a#top", "https://mcp.example.com/mcp?team=a"],
    // What a server calls itself is compared byte for byte, so nothing is normalised away.
    ["https://MCP.example.com/Mcp/", "https://MCP.example.com/Mcp/"],
  ])("%j is read as %s", (typed, url) => {
    expect(urlOf(typed)).toBe(url);
  });

  it.each([
    ["ftp://mcp.example.com", /starts with https:\/\/, not ftp:/],
    ["javascript://x%0aalert(1)", /not javascript:/],
    ["not a url", /no spaces/],
    ["hello", /That is not a URL/],
    ["https://", /That is not a URL/],
    ["https://me:secret@mcp.example.com/", /user name and password/],
  ])("%j is refused with a reason", (typed, reason) => {
    expect(urlOf(typed)).toMatch(reason);
  });

  it("is asked for when there is none", () => {
    expect(parsePaste("   ")).toEqual({ ok: false, reason: "Enter the server's URL." });
  });
});

describe("a pasted command line", () => {
  it.each([
    ["claude mcp add --transport http linear https://mcp.linear.app/mcp", { url: "https://mcp.linear.app/mcp", name: "linear" }],
    ["$ claude mcp add -t http -s user notes mcp.example.com/mcp", { url: "https://mcp.example.com/mcp", name: "notes" }],
    [
      `claude mcp add --transport http api https://api.example.com/mcp --header "X-API-Key: k-1" -H 'X-Team: a b'`,
      { url: "https://api.example.com/mcp", name: "api", headers: { "X-API-Key": "k-1", "X-Team": "a b" } },
    ],
    ["claude mcp add \\\n  --transport=http \\\n  wiki https://wiki.example.com/mcp", { url: "https://wiki.example.com/mcp", name: "wiki" }],
    [`claude mcp add-json api '{"type":"http","url":"https://api.example.com/mcp"}'`, { url: "https://api.example.com/mcp", name: "api" }],
    [`code --add-mcp '{"name":"docs","type":"http","url":"https://docs.example.com/mcp"}'`, { url: "https://docs.example.com/mcp", name: "docs" }],
    [
      'claude mcp add --transport http api https://api.example.com/mcp --header "Authorization: Bearer ${API_KEY}"',
      { url: "https://api.example.com/mcp", name: "api", blanks: ["Authorization"] },
    ],
  ])("%s gives the server", (line, server) => {
    expect(parsePaste(line)).toEqual({ ok: true, servers: [server], skipped: [] });
  });

  it("that starts a local program is refused with the reason", () => {
    expect(parsePaste("claude mcp add files -- npx -y some-server")).toMatchObject({ ok: false, reason: expect.stringMatching(/program on your own machine/) });
  });

  it("without a URL is refused", () => {
    expect(parsePaste("claude mcp add --transport http")).toMatchObject({ ok: false, reason: expect.stringMatching(/no URL/) });
  });
});

describe("a pasted JSON snippet", () => {
  it("gives every server with a URL, and its headers", () => {
    const snippet = JSON.stringify({
      mcpServers: {
        linear: { type: "http", url: "https://mcp.linear.app/mcp" },
        keyed: { url: "https://api.example.com/mcp", headers: { Authorization: "Bearer k-1", Odd: 7 } },
        local: { command: "npx" },
      },
    });
    expect(parsePaste(snippet)).toEqual({
      ok: true,
      servers: [
        { url: "https://mcp.linear.app/mcp", name: "linear" },
        { url: "https://api.example.com/mcp", name: "keyed", headers: { Authorization: "Bearer k-1" } },
      ],
      skipped: ["local: a program on your own machine"],
    });
  });

  it.each([
    ['"mcpServers": {"a": {"url": "https://a.example/mcp"}},', { url: "https://a.example/mcp", name: "a" }],
    ['{"a": {"serverUrl": "https://a.example/mcp"}}', { url: "https://a.example/mcp", name: "a" }],
    ['{"name": "a", "url": "https://a.example/mcp"}', { url: "https://a.example/mcp", name: "a" }],
    ['{"servers": {"a": {"type": "http", "url": "https://a.example/mcp"}}, "inputs": []}', { url: "https://a.example/mcp", name: "a" }],
    ['{"mcp": {"servers": {"a": {"url": "https://a.example/mcp"}}}}', { url: "https://a.example/mcp", name: "a" }],
    ['{"mcpServers": {"a": {"httpUrl": "https://a.example/mcp"}}}', { url: "https://a.example/mcp", name: "a" }],
    ['{\n  // mine\n  "mcpServers": {"a": {"url": "https://a.example/mcp", /* x */},},\n}', { url: "https://a.example/mcp", name: "a" }],
    [
      '{"mcpServers": {"a": {"command": "npx", "args": ["-y", "mcp-remote@latest", "https://a.example/mcp", "--header", "X-Key: k"]}}}',
      { url: "https://a.example/mcp", name: "a", headers: { "X-Key": "k" } },
    ],
    [
      '{"servers": {"a": {"url": "https://a.example/mcp", "headers": {"X-Key": "${input:key}"}}}}',
      { url: "https://a.example/mcp", name: "a", blanks: ["X-Key"] },
    ],
  ])("is understood in the form %s", (snippet, server) => {
    expect(parsePaste(snippet)).toEqual({ ok: true, servers: [server], skipped: [] });
  });

  it.each([
    ['{"mcpServers": {', /not complete/],
    ['{"mcpServers": {"a": {"command": "npx"}}}', /programs on your own machine/],
    ['{"mcpServers": {"a": {"url": "ftp://a.example"}}}', /^a: .*not ftp/],
    ['{"mcpServers": {}}', /names no server/],
  ])("%s is refused with a reason", (snippet, reason) => {
    expect(parsePaste(snippet)).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });
});

describe("a pasted snippet in which one server is wrong", () => {
  it("still gives the others, and says what was left out", () => {
    const snippet = '{"mcpServers": {"a": {"url": "ftp://a.example"}, "b": {"url": "https://b.example/mcp"}}}';
    expect(parsePaste(snippet)).toEqual({
      ok: true,
      servers: [{ url: "https://b.example/mcp", name: "b" }],
      skipped: [expect.stringMatching(/^a: .*not ftp/)],
    });
  });
});

describe("a pasted install link", () => {
  it.each([
    `cursor://anysphere.cursor-deeplink/mcp/install?name=docs&config=${btoa('{"url":"https://docs.example/mcp"}')}`,
    `vscode:mcp/install?${encodeURIComponent('{"name":"docs","url":"https://docs.example/mcp"}')}`,
  ])("%s gives the server", (link) => {
    expect(parsePaste(link)).toEqual({ ok: true, servers: [{ url: "https://docs.example/mcp", name: "docs" }], skipped: [] });
  });

  it("that is broken is refused with a reason", () => {
    expect(parsePaste("cursor://x/mcp/install?config=%%%")).toMatchObject({ ok: false, reason: expect.stringMatching(/cannot be read/) });
  });
});

describe("whatever is pasted", () => {
  it.each(["{".repeat(10_000), `"a": {${"\\".repeat(5000)}`, `claude mcp add ${"'".repeat(9999)}`, `https://${"a".repeat(9000)}.example`, "x".repeat(300_000)])(
    "is answered in time (%#)",
    (text) => {
      expect(parsePaste(text)).toMatchObject({ ok: false, reason: expect.any(String) });
    },
  );
});

describe("a header of the user's own", () => {
  it.each([
    ["", "", null],
    ["X-API-Key", "k-1", null],
    ["Authorization", "Bearer k-1", null],
    ["X API Key", "k-1", /one word/],
    ["X-Key\r\nHost", "a", /one word/],
    ["Host", "evil.example", /set by Gatepass/],
    ["Mcp-Session-Id", "s", /set by Gatepass/],
    ["X-API-Key", " ", /Enter the header's value/],
    ["X-API-Key", "a\nb", /one line/],
  ])("%j with %j", (name, value, reason) => {
    const problem = headerProblem(name, value);
    if (reason === null) expect(problem).toBeNull();
    else expect(problem).toMatch(reason);
  });
});
