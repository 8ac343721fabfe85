import { expect, it } from "vitest";
import type { Tool, ToolRule } from "../src/lib/api/types";
import { hasChanged, policyOf } from "../src/lib/text/policy";

const tool = (more: Partial<Tool> = {}): Tool => ({ name: "t", inputSchema: {}, definition: "d1", ...more });

it.each<[string, Tool, ToolRule | undefined, string]>([
  ["one that nobody has a rule for runs", tool(), undefined, "always"],
  ["one that changes things for good asks", tool({ annotations: { destructiveHint: true } }), undefined, "ask"],
  ["the person's word counts more than the server's", tool({ annotations: { destructiveHint: true } }), { policy: "always", definition: "d1" }, "always"],
  ["one that changed since it was allowed asks again", tool(), { policy: "always", definition: "d0" }, "ask"],
  ["one that is forbidden stays forbidden when it changes", tool(), { policy: "never", definition: "d0" }, "never"],
  ["one that is off stays off", tool(), { policy: "off" }, "off"],
])("of the tools, %s", (_, tool, rule, policy) => {
  expect(policyOf(tool, rule)).toBe(policy);
});

it("only a tool that was allowed for good can have changed", () => {
  expect(hasChanged(tool(), { policy: "always", definition: "d0" })).toBe(true);
  expect(hasChanged(tool(), { policy: "ask", definition: "d0" })).toBe(false);
  expect(hasChanged(tool({ definition: undefined }), { policy: "always", definition: "d0" })).toBe(false);
});
