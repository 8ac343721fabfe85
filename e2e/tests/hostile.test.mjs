// What servers, models and tools write is shown, never obeyed.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { listen } from '../fixtures/listen.mjs';
import { startModel } from '../fixtures/model.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startHostileServer, HOSTILE } from '../fixtures/hostile-server.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

const MARKDOWN = `# Hello <img src=x onerror="document.title='owned'">

<script>document.title = 'owned'</script><style>body { display: none }</style>

[a link](javascript:document.title='owned') ![pixel](https://evil.example/pixel.png) \u001b[31mred\u001b[0m

[https://bank.example](https://evil.example/) and invoice\u202efdp.exe

\`\`\`js
const text = '</code><script>document.title = "owned"</script>';
\`\`\`

<iframe src="https://evil.example"></iframe><form action="https://evil.example"><input name="q"><button>Go</button></form>
`;

describe('text from outside', () => {
  let model;
  let hostile;
  let gatepass;

  before(async () => {
    [model, hostile] = await Promise.all([startModel(), startHostileServer()]);
    gatepass = await startGatepass({ args: ['--model-url', model.url] });
  });
  beforeEach(() => model.reset());
  after(() => Promise.all([gatepass?.stop(), model?.close(), hostile?.close()]));
  const on = { gatepass: () => gatepass };

  /** Nothing of it ran, nothing of it became part of the page, nothing turns the text around. */
  async function harmless(page) {
    assert.notEqual(await page.title(), 'owned');
    assert.equal(await page.locator('main :is(script, iframe, style, form[action], object, embed, img[src^="http"])').count(), 0);
    const text = await page.locator('body').innerText();
    assert.doesNotMatch(text, /[\u001b\u202a-\u202e\u2066-\u2069]/u);
  }

  browserTest('an answer in Markdown runs nothing, loads nothing and hides nothing', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open();
    model.says(MARKDOWN);
    await app.send(`What about ${HOSTILE}`);
    await app.answered('(evil.example)');
    await app.answer.getByText('invoicefdp.exe').waitFor();
    await harmless(page);
    assert.equal(await app.answer.getByRole('link', { name: 'pixel' }).getAttribute('rel'), 'noopener noreferrer nofollow');
    await page.reload();
    await app.answered('(evil.example)');
    await harmless(page);
  });

  browserTest('a picture from elsewhere is loaded when the person wants to see it, and not by the page', on, async ({ page }) => {
    const seen = [];
    const host = await listen();
    host.handle((request, response) => {
      seen.push(request.headers);
      response.setHeader('content-type', 'image/png').end(Buffer.from(PIXEL, 'base64'));
    });
    try {
      const app = new App(page, gatepass.url);
      await app.open();
      model.says(`Look: ![a pixel](${host.url}/pixel.png) and ![none](http://localhost:1/none.png)`);
      await app.send('Show me');
      await app.answered('Look:');
      assert.deepEqual(seen, [], 'nobody asked for it');
      await app.answer.getByRole('button', { name: `Show picture from ${new URL(host.url).host}` }).click();
      const picture = app.answer.getByRole('img', { name: 'a pixel' });
      await expectSoon(() => picture.evaluate((own) => own.naturalWidth), (width) => width === 1, 'the picture is shown');
      assert.equal(seen.length, 1);
      assert.equal(seen[0].cookie, undefined);
      assert.equal(seen[0].referer, undefined);
      assert.doesNotMatch(seen[0]['user-agent'], /Chrome/, 'its host learns of Gatepass alone');
    } finally {
      await host.close();
    }
  });

  browserTest('a server’s name, tools, results and errors are words and nothing else', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.knows({ name: HOSTILE, url: hostile.url });
    await app.open();
    model.calls(['hostile'], ['throws']);
    model.says('Done.');
    await app.send('Go');
    await app.answered('Done.');
    for (const name of ['hostile', 'throws']) {
      const card = app.toolCard(name);
      await card.locator('summary').click();
      await card.locator('.body').waitFor();
    }
    await app.toolCard('hostile').getByText(/owned/).first().waitFor();
    await harmless(page);
    await app.open('/servers');
    await page.getByTestId('server-card').first().waitFor();
    await harmless(page);
  });

  browserTest('a result of a megabyte leaves the page quick, and the rest can be copied', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Big', url: hostile.url });
    await app.open();
    model.calls(['big']);
    model.says(`All of it: ${'word '.repeat(60_000)}`);
    await app.send('Go');
    await page.getByText(/Showing the first 150,000 of 300,\d+ characters/).waitFor();
    const card = app.toolCard('big');
    await card.locator('summary').click();
    await card.getByText(/Showing the first 20,000 of [\d,]+ characters/).waitFor();
    const shown = await page.locator('main').evaluate((main) => main.textContent.length);
    assert.ok(shown < 400_000, `${shown} characters are on the page`);
    await app.composer.fill('still here');
    assert.equal(await app.composer.inputValue(), 'still here');
  });

  browserTest('code is copied as it was written', { ...on, permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open();
    model.says('Here:\n\n```rust\nfn main() {\n    println!("<b>&amp;");\n}\n```\n');
    await app.send('Some Rust');
    await app.answer.locator('.hljs-keyword').first().waitFor();
    await app.answer.getByRole('button', { name: 'Copy', exact: true }).click();
    await expectSoon(
      () => page.evaluate(() => navigator.clipboard.readText()),
      (text) => text.trimEnd() === 'fn main() {\n    println!("<b>&amp;");\n}',
      'the code is in the clipboard',
    );
  });
});
