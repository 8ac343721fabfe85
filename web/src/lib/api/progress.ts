import { ApiError, isObject, parseProblem, parseStep } from "./problem";
import type { Discovery, ReportStep, StreamEvent } from "./types";

/** A request that is about to be sent, or one that has ended. */
export interface StepEvent {
  step: ReportStep;
  ended: boolean;
}

/** Reads one event of a watched discovery: tells of a step, returns the answer, or throws the problem that ended it. */
export function readProgress(event: StreamEvent, heard: (step: StepEvent) => void): Discovery | null {
  switch (event.type) {
    case "began":
    case "step":
      if (isObject(event.step)) heard({ step: parseStep(event.step), ended: event.type === "step" });
      return null;
    case "answer":
      return isObject(event.answer) && typeof event.answer.requiresAuth === "boolean" ? (event.answer as unknown as Discovery) : null;
    case "problem":
      throw new ApiError(parseProblem(event.problem ?? null, 502));
    default:
      return null;
  }
}

/** The steps so far: one that has ended takes the place of its beginning. */
export function withStep(steps: StepEvent[], heard: StepEvent): StepEvent[] {
  const at = steps.findIndex(({ step, ended }) => !ended && step.request === heard.step.request && step.name === heard.step.name);
  return heard.ended && at >= 0 ? steps.with(at, heard) : [...steps, heard];
}
