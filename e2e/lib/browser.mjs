// Chromium, and a page that reports what a user would never see.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

const results = new URL('../results/', import.meta.url);

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `popups: 'blocked'` gives the browser its popup blocker back, which Playwright switches off. */
export async function openBrowser({ popups }) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
    ignoreDefaultArgs: popups === 'blocked' ? ['--disable-popup-blocking'] : [],
  });
}

/**
 * A test in a fresh browser profile. `gatepass()` gives the running server whose pages are under
 * watch: a console error, an uncaught exception, a breach of the content security policy or a
 * request to a third party fails the test. `body` gets `{context, page, watch, server}`.
 */
export function browserTest(name, { gatepass, popups = 'allowed', ...contextOptions }, body) {
  test(name, { timeout: 120_000 }, async () => {
    const server = gatepass();
    const browser = await openBrowser({ popups });
    try {
      const context = await browser.newContext({ reducedMotion: 'reduce', ...contextOptions });
      context.setDefaultTimeout(15_000);
      const watch = new Watch(server.url);
      context.on('page', (page) => watch.over(page));
      const page = await context.newPage();
      try {
        await body({ context, page, watch, server });
        watch.assertQuiet();
      } catch (error) {
        await keepEvidence(name, context, watch, server);
        throw error;
      }
    } finally {
      await browser.close();
    }
  });
}

/** What went on in our own pages behind the user's back. */
class Watch {
  #origin;
  #expected = [];
  /** One line each, in order. */
  complaints = [];
  /** Every console line, for the evidence. */
  console = [];

  constructor(url) {
    this.#origin = new URL(url).origin;
  }

  /** Complaints that match are part of the test. */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  over(page) {
    page.on('console', (message) => {
      this.console.push(`${page.url()} ${message.type()}: ${message.text()}`);
      if (message.type() === 'error' && this.#isOurs(page.url())) {
        this.complaints.push(`console error: ${message.text()} (${message.location().url})`);
      }
    });
    page.on('pageerror', (error) => {
      if (this.#isOurs(page.url())) {
        this.complaints.push(`uncaught: ${error.stack ?? error}`);
      }
    });
    page.on('request', (request) => {
      const leaves = !this.#isOurs(request.url()) && !/^(data|blob|about|chrome-error):/.test(request.url());
      // Going to the authorization server is a navigation; anything else that leaves is not ours to send.
      if (leaves && this.#isOurs(page.url()) && !request.isNavigationRequest()) {
        this.complaints.push(`third-party request: ${request.url()}`);
      }
    });
  }

  assertQuiet() {
    const unexpected = this.complaints.filter((line) => !this.#expected.some((pattern) => pattern.test(line)));
    assert.deepEqual(unexpected, []);
  }

  #isOurs(url) {
    return url === this.#origin || url.startsWith(`${this.#origin}/`);
  }
}

async function keepEvidence(name, context, watch, server) {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 80);
  await mkdir(results, { recursive: true });
  const pages = context.pages();
  for (const [index, page] of pages.entries()) {
    // A page in the middle of closing has nothing to show; the failure itself matters more.
    await page.screenshot({ path: new URL(`${slug}-${index}.png`, results).pathname }).catch(() => {});
  }
  const log = [
    ...pages.map((page) => `page ${page.url()}`),
    ...watch.complaints.map((line) => `complaint ${line}`),
    ...watch.console,
    '',
    server.output,
  ].join('\n');
  await writeFile(new URL(`${slug}.log`, results), log);
  console.error(`evidence: e2e/results/${slug}*`);
}

/**
 * Clicks without a user gesture: with the popup blocker on, `window.open` really returns null.
 * (A gesture lets every popup through, and automation counts as one.)
 */
export async function clickWithoutGesture(locator) {
  const page = locator.page();
  const mark = 'data-click-without-gesture';
  await locator.evaluate((element, name) => element.setAttribute(name, ''), mark);
  // An opened window uses up the activation that earlier clicks left behind.
  await page.evaluate(() => window.open('about:blank')?.close());
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: `document.querySelector('[${mark}]').click()`, userGesture: false });
  await session.detach();
}
