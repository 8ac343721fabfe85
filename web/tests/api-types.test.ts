// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { generate, target } from "../scripts/api-types.mjs";

test("the API's types are those of its description", { timeout: 30_000 }, async () => {
  // If this fails, the API has changed: run `npm run types`.
  expect(await readFile(target, "utf8")).toBe(await generate());
});
