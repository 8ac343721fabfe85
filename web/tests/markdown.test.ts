// @vitest-environment jsdom
// What sanitises the markup needs a DOM that behaves as a browser's does.
import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../src/lib/markdown/render";

function render(text: string): HTMLElement {
  const element = document.createElement("div");
  element.innerHTML = renderMarkdown(text);
  return element;
}

describe("Markdown", () => {
  it("becomes headings, lists, tables and code", () => {
    const page = render("# Title\n\n- one\n- **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nlet a = '<b>';\n```");
    expect(page.querySelector("h1")?.textContent).toBe("Title");
    expect(page.querySelectorAll("li")).toHaveLength(2);
    expect(page.querySelectorAll("td")).toHaveLength(2);
    expect(page.querySelector("pre code")?.textContent).toBe("let a = '<b>';\n");
  });

  it.each([
    ["<script>alert(1)</script>"],
    ["<img src=x onerror=alert(1)>"],
    ["<iframe src='https://evil.example'></iframe>"],
    ["<style>body{display:none}</style>"],
    ["<svg onload=alert(1)>"],
    ["<form action='https://evil.example'><input name=q></form>"],
    ["[x](javascript:alert(1))"],
    ["[x](java\nscript:alert(1))"],
    ["![x](https://evil.example/pixel.png)"],
    ['![x](https://evil.example/a.png "t\\" onload=alert(1)")'],
    ["```x\" onclick=\"alert(1)\n```"],
    ["[x](data:text/html;base64,PHNjcmlwdD4=)"],
    ["![x](data:image/svg+xml;base64,PHN2Zz4=)"],
  ])("%j runs nothing, loads nothing and restyles nothing", (text) => {
    const page = render(text);
    expect(page.querySelectorAll("script, iframe, style, svg, form, object, embed, link, img")).toHaveLength(0);
    for (const element of page.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^on|^style$/);
        if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
      }
    }
  });

  it("opens links elsewhere, without telling them who asked", () => {
    const link = render("[docs](https://docs.example/)").querySelector("a");
    expect(link?.getAttribute("target")).toBe("_blank");
    expect(link?.getAttribute("rel")).toContain("noopener");
    expect(link?.getAttribute("rel")).toContain("noreferrer");
  });

  it("shows a picture from elsewhere as a link, so that its host learns nothing", () => {
    const page = render("![a cat](https://pics.example/cat.png)");
    expect(page.querySelector("a")?.textContent).toBe("a cat");
  });
});
