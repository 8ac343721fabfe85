// @vitest-environment node
import { readdir, readFile } from "node:fs/promises";
import ts from "typescript";
import { expect, it } from "vitest";

/** Where a text of TypeScript says `any`. */
function anyIn(text: string, name: string): string[] {
  const found: string[] = [];
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`${name}: ${node.parent.getText().slice(0, 80)}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

it("finds `any` where there is one", () => {
  expect(anyIn("const any = 1; let x: any;", "x.ts")).toEqual(["x.ts: x: any"]);
});

it("no part of the page says `any`", async () => {
  const folder = new URL("../src/", import.meta.url).pathname;
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(?:ts|svelte)$/.test(name));
  expect(names.length).toBeGreaterThan(50);
  const found = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(folder + name, "utf8");
      const script = name.endsWith(".svelte") ? (/<script[^>]*>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? "") : text;
      return anyIn(script, name);
    }),
  );
  expect(found.flat()).toEqual([]);
});
