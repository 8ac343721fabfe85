import { describe, expect, it } from "vitest";
import { ApiError, parseProblem, parseReport, problemOf } from "../src/lib/api/problem";

const problem = {
  type: "/problems/client-required",
  title: "Client id needed",
  status: 422,
  detail: "auth.example does not register clients by itself.",
  action: "enter-client",
};

const answer = (body: string, status: number, headers: Record<string, string> = {}) =>
  problemOf(new Response(body, { status, headers: { "content-type": "application/problem+json", ...headers } }));

describe("a failed answer", () => {
  it("says what its problem document says", async () => {
    const error = await answer(JSON.stringify(problem), 422);
    expect(error).toBeInstanceOf(ApiError);
    expect(error.message).toBe(problem.detail);
    expect(error.slug).toBe("client-required");
    expect(error.problem).toEqual(problem);
  });

  it("keeps scopes and the report of the problem", async () => {
    const report = { steps: [{ name: "probe", request: "POST https://a.example/mcp", status: 401, millis: 12, rule: "r", verdict: "ok", note: null }], summary: null, actor: "vendor" };
    const error = await answer(JSON.stringify({ ...problem, scopes: ["a", 1, "b"], report }), 403);
    expect(error.problem.scopes).toEqual(["a", "b"]);
    expect(error.problem.report).toEqual(report);
  });

  it.each([
    ["text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>", 502],
    ["application/json", '{"oops": {"stack": "at <anonymous>"}}', 500],
    ["application/problem+json", "{not json", 500],
    ["application/problem+json", JSON.stringify({ type: "/problems/x", detail: "" }), 400],
    ["application/json", "null", 404],
  ])("as %s that is no problem document becomes a plain sentence", async (kind, body, status) => {
    const error = await answer(body, status, { "content-type": kind });
    expect(error.message).toMatch(/^[A-Z][^<>{}]+\.$/);
    expect(error.message).not.toContain("stack");
    expect(error.problem.status).toBe(status);
  });

  it("says how long to wait where the server did", async () => {
    expect((await answer(JSON.stringify(problem), 503, { "retry-after": "7" })).retryAfter).toBe(7);
    expect((await answer(JSON.stringify(problem), 503, { "retry-after": "soon" })).retryAfter).toBeNull();
    expect((await answer(JSON.stringify(problem), 503)).retryAfter).toBeNull();
  });
});

it("an action that this page does not know asks for nothing", () => {
  expect(parseProblem({ ...problem, action: "self-destruct" }, 422).action).toBe("none");
});

describe("a report", () => {
  it("keeps the steps it can read", () => {
    const report = parseReport({ steps: [null, "x", { name: "probe", verdict: "odd", millis: "12" }], actor: "somebody" });
    expect(report).toEqual({
      steps: [{ name: "probe", request: null, status: null, millis: 0, rule: "", verdict: "info", note: null }],
      summary: null,
      actor: null,
    });
  });

  it("is none without steps", () => {
    expect(parseReport({ summary: "x" })).toBeNull();
    expect(parseReport(undefined)).toBeNull();
  });
});
