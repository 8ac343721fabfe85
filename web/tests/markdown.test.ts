// @vitest-environment jsdom
// What sanitises the markup needs a DOM that behaves as a browser's does.
import { describe, expect, it } from "vitest";
import { highlightCode } from "../src/lib/markdown/highlight";
import { renderBlocks, renderMarkdown, setHighlight } from "../src/lib/markdown/render";

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

  it("keeps what its own markup needs", () => {
    const page = render("- [x] done\n\n```js\nlet a\n```\n\n3. three");
    expect(page.querySelector("li")?.textContent?.trim()).toBe("☑ done");
    expect(page.querySelector("pre")?.getAttribute("tabindex")).toBe("0");
    expect(page.querySelector("button")?.getAttribute("type")).toBe("button");
    expect(page.querySelector("ol")?.getAttribute("start")).toBe("3");
  });

  it("obeys no terminal and turns no text around", () => {
    const page = render("\u001b[31mred\u001b[0m \u001b]0;title\u0007 invoice\u202efdp.exe `rm\u2066 -rf`\u0000");
    expect(page.textContent?.trim()).toBe("red  invoicefdp.exe rm -rf");
  });

  it("says where a link leads whose words name another place", () => {
    expect(render("[https://bank.example/login](https://evil.example/)").textContent?.trim()).toBe("https://bank.example/login (evil.example)");
    expect(render("[bank.example](https://bank.example.evil.example/)").textContent?.trim()).toContain("(bank.example.evil.example)");
    expect(render("[https://docs.example/a](https://docs.example/b)").textContent?.trim()).toBe("https://docs.example/a");
    expect(render("[the manual](https://docs.example/)").textContent?.trim()).toBe("the manual");
  });

  it("is parsed block by block, and only its end anew while it grows", () => {
    const text = "# One\n\nTwo *three*\n\n- four\n\n[five][a]\n\n[a]: https://a.example/\n\nsix";
    let before: string[] = [];
    for (let length = 1; length <= text.length; length += 1) before = renderBlocks(text.slice(0, length));
    expect(before).toEqual(renderBlocks(text));
    expect(before.join("")).toContain('href="https://a.example/"');
    expect(renderBlocks(`${text} seven`).slice(0, 3)).toEqual(before.slice(0, 3));
  });

  it("colours code whose language is known, and never what the code says", () => {
    setHighlight(highlightCode);
    const page = render('```html\n<img src=x onerror="alert(1)">\n```\n\n```nonsense\n<b>\n```\n\n```js\nlet open = "<script>');
    const [html, nonsense, open] = page.querySelectorAll("pre code");
    expect(html?.querySelectorAll(".hljs-tag").length).toBeGreaterThan(0);
    expect(html?.textContent).toBe('<img src=x onerror="alert(1)">\n');
    expect(nonsense?.innerHTML).toBe("&lt;b&gt;\n");
    expect(open?.children).toHaveLength(0);
    expect(page.querySelectorAll("img, script, b")).toHaveLength(0);
  });

  it("of a megabyte is parsed without giving up", () => {
    expect(renderBlocks("word ".repeat(200_000)).join("").length).toBeGreaterThan(900_000);
    expect(render(`${"> ".repeat(2000)}deep`).textContent).toContain("deep");
  });

  it("opens links elsewhere, without telling them who asked", () => {
    const link = render("[docs](https://docs.example/)").querySelector("a");
    expect(link?.getAttribute("target")).toBe("_blank");
    expect(link?.getAttribute("rel")).toContain("noopener");
    expect(link?.getAttribute("rel")).toContain("noreferrer");
  });

  it("shows a picture from elsewhere as a link until the person wants to see it, so that its host learns nothing", () => {
    const page = render("![a cat](https://pics.example/cat.png) ![local](/api/config) ![bad](javascript:alert)");
    expect(page.querySelectorAll("img")).toHaveLength(0);
    expect(page.querySelector("a")?.textContent).toBe("a cat");
    expect(page.querySelectorAll("button.load")).toHaveLength(1);
    expect(page.querySelector("button")?.textContent).toBe("Show picture from pics.example");
    expect(page.textContent).toContain("local bad");
  });
});
