import DOMPurify from "dompurify";
import { Marked, type Token, type Tokens } from "marked";
import { plainText } from "../text/plain";

/** A code block in colours: its markup, safe to be shown, or null if its language is not known. */
export type Highlight = (code: string, language: string) => string | null;

/** Longer code is shown in one colour. */
const colouredMost = 40_000;
/** Blocks whose markup is kept, so that an answer that grows is only parsed at its end. */
const keptMost = 600;

let highlight: Highlight | null = null;
const kept = new Map<string, string>();

/** Colours code blocks from now on. */
export function setHighlight(colours: Highlight): void {
  highlight = colours;
  kept.clear();
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // Markup that a model or a tool writes is shown, not obeyed.
    html: ({ text }) => escape(text),
    code: ({ text, lang, raw }) => {
      const language = (lang ?? "").match(/^[\w+#.-]{1,20}/)?.[0] ?? "";
      // An open block changes with every word; it gets its colours when it is closed.
      const closed = /\n {0,3}(?:`{3,}|~{3,})\s*$/.test(raw);
      const coloured = highlight && closed && language && text.length < colouredMost ? highlight(text, language) : null;
      return `<div class="code"><div class="code-head"><span>${escape(language || "text")}</span><button type="button" class="copy">Copy</button></div><pre tabindex="0"><code>${coloured ?? escape(text)}\n</code></pre></div>`;
    },
    // Nobody can tick it; a sign says the same, also to a screen reader.
    checkbox: ({ checked }) => `<span class="tick">${checked ? "☑" : "☐"}</span> `,
    // A picture from elsewhere would tell its host who reads this: it waits until the person wants to see it.
    image: ({ href, text }) =>
      /^data:image\/(?:png|jpeg|gif|webp);/.test(href)
        ? `<img src="${escape(href)}" alt="${escape(text)}">`
        : /^https?:/i.test(href)
          ? `<span class="picture"><a href="${escape(href)}">${escape(text || "Picture")}</a> <button type="button" class="load">Show picture from ${escape(hostOf(href))}</button></span>`
          : escape(text || "Picture"),
    // Where a link leads is said where its words could name another place.
    link({ href, tokens }) {
      const words = this.parser.parseInline(tokens);
      return `<a href="${escape(href)}">${words}</a>${looksLikeAddress(tokens) && !sameAddress(href, tokens) ? ` <span class="leads">(${escape(hostOf(href))})</span>` : ""}`;
    },
    table(token) {
      const row = (cells: typeof token.header, tag: string) =>
        `<tr>${cells.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join("")}</tr>`;
      return `<div class="table" tabindex="0"><table><thead>${row(token.header, "th")}</thead><tbody>${token.rows.map((cells) => row(cells, "td")).join("")}</tbody></table></div>`;
    },
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** The blocks of a Markdown text, each as HTML that cannot run anything, load anything or restyle the page. */
export function renderBlocks(text: string): string[] {
  try {
    return parsedBlocks(text);
  } catch {
    // Nested deeper than the parser's stack: it is shown as it was written.
    return [`<p class="as-written">${escape(plainText(text))}</p>`];
  }
}

function parsedBlocks(text: string): string[] {
  return marked
    .lexer(plainText(text))
    .filter((token) => token.type !== "space" && token.type !== "def")
    .map((token) => {
      // Links by reference are the only thing that another block decides about.
      const own = /\]\[|\]:/.test(token.raw) || /\][^(]/.test(token.raw) ? null : token.raw;
      const known = own === null ? undefined : kept.get(own);
      if (known !== undefined) return known;
      const html = sanitise(marked.parser([token as Token]));
      if (own !== null) keep(own, html);
      return html;
    });
}

/** The whole text at once. */
export function renderMarkdown(text: string): string {
  return renderBlocks(text).join("");
}

/** Languages that a text's code blocks name. */
export function codeLanguages(text: string): boolean {
  return /^ {0,3}(?:`{3,}|~{3,})[ \t]*[\w+#.-]/m.test(text);
}

function keep(raw: string, html: string): void {
  if (kept.size >= keptMost) {
    const oldest = kept.keys().next().value;
    if (oldest !== undefined) kept.delete(oldest);
  }
  if (raw.length < 100_000) kept.set(raw, html);
}

function sanitise(html: string): string {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: [
      "a", "b", "blockquote", "br", "button", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
      "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
    ],
    ALLOWED_ATTR: ["href", "src", "alt", "title", "class", "type", "tabindex", "start", "target", "rel"],
    // Attributes that hold no address; every other value has to begin like one of those below.
    ADD_URI_SAFE_ATTR: ["type", "tabindex", "start"],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);)/i,
    ALLOW_DATA_ATTR: false,
  });
}

function wordsOf(tokens: Token[]): string {
  return tokens.map((token) => ("text" in token ? (token as Tokens.Text).text : "")).join("").trim();
}

function looksLikeAddress(tokens: Token[]): boolean {
  return /^(?:https?:\/\/)?[\w-]+(?:\.[\w-]+)+(?:[/?#:]\S*)?$/i.test(wordsOf(tokens));
}

function sameAddress(href: string, tokens: Token[]): boolean {
  const words = wordsOf(tokens);
  return hostOf(href) === hostOf(/^https?:/i.test(words) ? words : `https://${words}`);
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
