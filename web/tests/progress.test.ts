import { describe, expect, it, vi } from "vitest";
import { discoverWatched } from "../src/lib/api/client";
import { withStep, type StepEvent } from "../src/lib/api/progress";

const step = (request: string) => ({ name: "probe", request, status: 200, millis: 3, rule: "r", verdict: "ok", note: null });

function answering(lines: unknown[], done = true, type = "text/event-stream") {
  const text = [...lines.map((line) => `data: ${JSON.stringify(line)}\n\n`), done ? "data: [DONE]\n\n" : ""].join("");
  vi.stubGlobal("fetch", async () => new Response(text, { headers: { "content-type": type } }));
}

const watch = async () => {
  let steps: StepEvent[] = [];
  const answer = await discoverWatched("https://a.example/mcp", (heard) => (steps = withStep(steps, heard)), new AbortController().signal);
  return { answer, steps };
};

describe("a watched discovery", () => {
  it("shows each step once, its end in the place of its beginning", async () => {
    answering([
      { type: "began", step: step("GET https://a.example/1") },
      { type: "began", step: step("GET https://a.example/2") },
      { type: "step", step: step("GET https://a.example/1") },
      { type: "step", step: step("GET https://a.example/2") },
      { type: "answer", answer: { requiresAuth: false, probeStatus: 200, report: { steps: [] } } },
    ]);
    const { answer, steps } = await watch();
    expect(answer.requiresAuth).toBe(false);
    expect(steps.map(({ step, ended }) => `${step.request} ${ended}`)).toEqual(["GET https://a.example/1 true", "GET https://a.example/2 true"]);
  });

  it("that fails gives the problem with its report", async () => {
    const problem = { type: "/problems/not-an-mcp-server", title: "t", status: 422, detail: "A web page.", action: "none", report: { steps: [step("x")] } };
    answering([{ type: "problem", problem }]);
    await expect(watch()).rejects.toMatchObject({ slug: "not-an-mcp-server", problem: { report: { steps: [{ request: "x" }] } } });
  });

  it("that breaks off is a failure that can be tried again", async () => {
    answering([{ type: "began", step: step("x") }], false);
    await expect(watch()).rejects.toMatchObject({ problem: { action: "retry" } });
  });
});
