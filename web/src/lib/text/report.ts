import { slugOf } from "../api/problem";
import type { Actor, Problem, Report, ReportStep } from "../api/types";
import { took } from "./expiry";
import { hostOf } from "./host";
import { plainLine } from "./plain";

const actors: Record<Actor, string> = {
  you: "You can fix this.",
  admin: "Whoever runs this Gatepass has to look at it.",
  vendor: "Whoever runs that server, or its sign-in, has to fix it.",
  nobody: "Nobody has to do anything; trying again later is enough.",
};

export function actorSentence(actor: Actor | null): string | null {
  return actor ? actors[actor] : null;
}

/** Who must act, going by the report, else by what the problem says can be done. */
export function actorOf(problem: Problem | null, report: Report | null): Actor | null {
  if (report?.actor) return report.actor;
  switch (problem?.action) {
    case "retry":
      return "nobody";
    case "authorize":
    case "enter-client":
      return "you";
    case "ask-admin":
      return "admin";
    default:
      return problem && problem.status >= 400 && problem.status < 500 ? "you" : null;
  }
}

export const verdictWords: Record<ReportStep["verdict"], string> = {
  ok: "worked",
  miss: "not there",
  failed: "failed",
  info: "noted",
};

/** What a step is for, as a person would say it. */
export function stepInWords(step: ReportStep): string {
  const url = step.request?.slice(step.request.indexOf(" ") + 1) ?? "";
  const host = hostOf(url);
  switch (step.name) {
    case "probe":
      return `Asking ${host} whether it wants a sign-in`;
    case "resource metadata":
      return `Reading what ${host} says about its sign-in`;
    case "authorization server metadata":
      return `Looking at the sign-in of ${host}`;
    case "registration":
      return `Registering at ${host}`;
    default:
      return host ? `${plainLine(step.name)}: ${host}` : plainLine(step.name);
  }
}

/** Whether one of two sentences only repeats the other, give or take a capital or a full stop. */
export function saysTheSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => text.trim().toLowerCase().replace(/\.$/, "")) as [string, string];
  return a.includes(b) || b.includes(a);
}

/** The report as Markdown, to paste into a message to whoever can fix it. */
export function reportAsMarkdown(subject: string, problem: Problem | null, report: Report | null): string {
  const lines = [`## ${subject}`, ""];
  if (problem) lines.push(problem.detail, "", `Kind: \`${slugOf(problem)}\` (status ${problem.status})`, "");
  if (report?.summary && !(problem && saysTheSame(report.summary, problem.detail))) lines.push(report.summary, "");
  const actor = actorSentence(actorOf(problem, report));
  if (actor) lines.push(actor, "");
  if (report && report.steps.length > 0) {
    lines.push("| step | request | status | time | result | rule | note |", "|---|---|---|---|---|---|---|");
    for (const step of report.steps) {
      const cells = [
        step.name,
        step.request ?? "",
        step.status === null ? "" : String(step.status),
        took(step.millis),
        verdictWords[step.verdict],
        step.rule,
        step.note ?? "",
      ];
      lines.push(`| ${cells.map(cell).join(" | ")} |`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
