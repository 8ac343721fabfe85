import { describe, expect, it } from "vitest";
import { hostOf, nameFromUrl } from "../src/lib/text/host";
import { clientIdProblem, clientSecretProblem } from "../src/lib/text/client";
import { actorOf, reportAsMarkdown, saysTheSame } from "../src/lib/text/report";
import { scopeInWords } from "../src/lib/text/scopes";

describe("a server without a name", () => {
  it.each([
    ["https://mcp.linear.app/mcp", "Linear"],
    ["https://mcp.shop.example.co.uk/", "Example"],
    ["http://localhost:4284/mcp", "localhost:4284"],
    ["http://192.0.2.7/mcp", "192.0.2.7"],
    ["nonsense", "nonsense"],
  ])("%s is called %s", (url, name) => {
    expect(nameFromUrl(url)).toBe(name);
  });
});

describe("the sign-in host", () => {
  it("is shown with its port", () => {
    expect(hostOf("http://localhost:4285/authorize")).toBe("localhost:4285");
  });
});

it.each([
  ["notes:read", "read notes"],
  ["read:notes", "read notes"],
  ["team-notes.write", "change team notes"],
  ["https://www.example.com/auth/calendar.readonly", "read calendar"],
  ["offline_access", "stay connected while you are away"],
  ["mcp", null],
  ["a:b", null],
])("the scope %s in words: %s", (scope, words) => {
  expect(scopeInWords(scope)).toBe(words);
});

it("a report copied as Markdown keeps its table whatever the steps say", () => {
  const markdown = reportAsMarkdown(
    "Notes",
    { type: "/problems/unreachable", title: "t", status: 502, detail: "It does not answer.", action: "retry" },
    {
      steps: [{ name: "probe", request: "POST https://a.example/mcp", status: null, millis: 1400, rule: "RFC 9728 §5.1", verdict: "failed", note: "a | b\nc" }],
      summary: "It does not answer.",
      actor: "vendor",
    },
  );
  expect(markdown).toMatchInlineSnapshot(`
    "## Notes

    It does not answer.

    Kind: \`unreachable\` (status 502)

    Whoever runs that server, or its sign-in, has to fix it.

    | step | request | status | time | result | rule | note |
    |---|---|---|---|---|---|---|
    | probe | POST https://a.example/mcp |  | 1.4 s | failed | RFC 9728 §5.1 | a \\| b c |
    "
  `);
});

it.each([
  ["It does not answer", "it does not answer.", true],
  ["a.example could not be reached: it does not answer", "It does not answer.", true],
  ["It does not answer.", "It refuses connections.", false],
])("%j beside %j is a repetition: %s", (one, other, same) => {
  expect(saysTheSame(one, other)).toBe(same);
});

it.each([
  [" 0oa1b2-c3.d4 ", null],
  ["", /Enter the client ID/],
  [" \t", /Enter the client ID/],
  ["my client", /no spaces/],
  ["id\u202e", /plain letters/],
  ["x".repeat(2000), /too long/],
])("the client id %j", (typed, reason) => {
  const problem = clientIdProblem(typed, "auth.example");
  if (reason === null) expect(problem).toBeNull();
  else expect(problem).toMatch(reason);
});

it("a client secret may be left out, and is one line of plain text", () => {
  expect(clientSecretProblem("")).toBeNull();
  expect(clientSecretProblem("s3cr-t")).toBeNull();
  expect(clientSecretProblem("two\nlines")).toMatch(/plain letters/);
});

it.each([
  ["retry", 502, "nobody"],
  ["authorize", 401, "you"],
  ["enter-client", 422, "you"],
  ["ask-admin", 502, "admin"],
  ["none", 422, "you"],
] as const)("without a report, %s (%d) is for %s to act on", (action, status, actor) => {
  expect(actorOf({ type: "/problems/x", title: "t", status, detail: "d", action }, null)).toBe(actor);
});
