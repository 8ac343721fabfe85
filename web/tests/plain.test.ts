import { describe, expect, it } from "vitest";
import { plainLine, plainText } from "../src/lib/text/plain";

describe("text from outside", () => {
  it.each([
    ["\u001b[1;31mred\u001b[0m", "red"],
    ["\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\", "link"],
    ["\u001b]0;title\u0007after", "after"],
    ["\u001b(Bplain\u001b7", "plain"],
    ["\u001b[2J\u001b[Hcleared", "cleared"],
    ["a\u0000b\u0008c\u009bd", "abcd"],
    ["safe\u202egpj.exe", "safegpj.exe"],
    ["\u2066isolated\u2069", "isolated"],
    ["tab\tand\r\nlines\rkept", "tab\tand\nlines\nkept"],
    ["שלום \u200fעולם 👩‍👧 é", "שלום \u200fעולם 👩‍👧 é"],
  ])("%j is shown as %j", (text, shown) => {
    expect(plainText(text)).toBe(shown);
  });

  it("is one line of some length where it names something", () => {
    expect(plainLine("  two\n words ")).toBe("two words");
    expect(plainLine("x".repeat(1_000_000), 10)).toBe(`${"x".repeat(9)}…`);
    expect(plainLine("\u001b[31m")).toBe("");
  });
});
