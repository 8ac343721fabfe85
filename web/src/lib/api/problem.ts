import type { Action, Actor, Json, JsonObject, Problem, Report, ReportStep } from "./types";

/** A call that failed, with what to tell the user about it. Its message never holds markup or raw JSON. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** Seconds to wait before trying again, where the server said so. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail);
    this.name = "ApiError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** The last part of the problem's type: `client-required`, `reauthorize`, … */
  get slug(): string {
    return slugOf(this.problem);
  }
}

export function slugOf(problem: Problem): string {
  return problem.type.slice(problem.type.lastIndexOf("/") + 1);
}

const actions: readonly string[] = ["retry", "authorize", "enter-client", "ask-admin", "none"];
const actors: readonly string[] = ["you", "admin", "vendor", "nobody"];
const verdicts: readonly ReportStep["verdict"][] = ["ok", "miss", "failed", "info"];

/** What a failed answer says, whatever it looks like: a problem document, or a proxy's HTML page. */
export async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  let body: unknown = null;
  try {
    if (/json/.test(response.headers.get("content-type") ?? "")) body = await response.json();
  } catch {
    body = null;
  }
  return new ApiError(parseProblem(body, response.status), retryAfter);
}

/** Reads a problem document; anything else becomes a plain sentence about the status. */
export function parseProblem(body: unknown, status: number): Problem {
  if (isObject(body) && typeof body.type === "string" && typeof body.detail === "string" && body.detail !== "") {
    const problem: Problem = {
      type: body.type,
      title: text(body.title) ?? "Something went wrong",
      status: typeof body.status === "number" ? body.status : status,
      detail: body.detail,
      action: actions.includes(String(body.action)) ? (body.action as Action) : "none",
    };
    const report = parseReport(body.report);
    if (report) problem.report = report;
    if (Array.isArray(body.scopes)) problem.scopes = body.scopes.filter((scope) => typeof scope === "string");
    if (typeof body.issuer === "string") problem.issuer = body.issuer;
    if (typeof body.redirectUri === "string") problem.redirectUri = body.redirectUri;
    return problem;
  }
  return plainProblem(status);
}

/** Reads a report leniently: steps of an unknown form are left out, the rest is kept. */
export function parseReport(value: Json | undefined): Report | null {
  if (!isObject(value) || !Array.isArray(value.steps)) return null;
  const steps = value.steps.filter(isObject).map(parseStep);
  const actor = actors.includes(String(value.actor)) ? (value.actor as Actor) : null;
  return { steps, summary: text(value.summary), actor };
}

/** Reads one step; what it lacks is left empty. */
export function parseStep(step: JsonObject): ReportStep {
  return {
    name: text(step.name) ?? "Step",
    request: text(step.request),
    status: typeof step.status === "number" ? step.status : null,
    millis: typeof step.millis === "number" ? step.millis : 0,
    rule: text(step.rule) ?? "",
    verdict: verdicts.find((verdict) => verdict === step.verdict) ?? "info",
    note: text(step.note),
  };
}

/** The network failed before any answer came. */
export function offlineProblem(): Problem {
  return {
    type: "/problems/offline",
    title: "No answer",
    status: 0,
    detail: navigator.onLine === false
      ? "You are offline. Nothing is lost; try again when you are back."
      : "Gatepass does not answer. It may be restarting; try again in a moment.",
    action: "retry",
  };
}

/** The person stopped a message that was still on its way. */
export function stoppedProblem(): Problem {
  return { type: "/problems/stopped", title: "Stopped", status: 0, detail: "Stopped before it was sent. Your message is back where you typed it.", action: "none" };
}

function plainProblem(status: number): Problem {
  const detail =
    status === 404
      ? "Gatepass does not know this address. The page may be older than the server; reload it."
      : status === 413
        ? "That is too large to send."
        : status === 429
          ? "Too many requests. Wait a moment and try again."
          : status >= 500
            ? `Gatepass, or a proxy in front of it, failed to answer (status ${status}). Try again in a moment.`
            : `Gatepass gave an answer this page does not understand (status ${status}). Reload the page and try again.`;
  return { type: `/problems/http-${status}`, title: "Something went wrong", status, detail, action: status === 404 ? "none" : "retry" };
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
