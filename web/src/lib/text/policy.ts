import type { Tool, ToolPolicy, ToolRule } from "../api/types";

/** What each rule means, for the person who chooses one. */
export const policyWords: Record<ToolPolicy, string> = {
  always: "Run without asking",
  ask: "Ask before each run",
  never: "Never run",
  off: "Off: hide from the model",
};

/** The rule that holds for a tool: the person's own, else what its server says about it. */
export function policyOf(tool: Tool, rule: ToolRule | undefined): ToolPolicy {
  if (rule) return hasChanged(tool, rule) ? "ask" : rule.policy;
  return tool.annotations?.destructiveHint === true ? "ask" : "always";
}

/** Whether a tool that was allowed for good says something else about itself now. */
export function hasChanged(tool: Tool, rule: ToolRule | undefined): boolean {
  return rule?.policy === "always" && rule.definition !== undefined && tool.definition !== undefined && rule.definition !== tool.definition;
}
