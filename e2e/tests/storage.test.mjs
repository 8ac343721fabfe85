// What the browser keeps may be full, blocked, damaged, of another version or edited by hand: the page works and says so.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('the browser’s storage', () => {
  let demo;
  let gatepass;

  before(async () => {
    demo = await startDemo();
    gatepass = await startGatepass();
  });
  after(() => Promise.all([gatepass?.stop(), demo?.stop()]));
  const on = { gatepass: () => gatepass };

  /** Puts a text where the page keeps its servers, before the page runs for the first time. */
  const holding = (page, text, key = 'gatepass:v1') =>
    page.addInitScript(
      ([name, value]) => {
        if (!sessionStorage.getItem('held')) localStorage.setItem(name, value);
        sessionStorage.setItem('held', 'yes');
      },
      [key, text],
    );

  browserTest('that is full does not keep anybody from signing in', on, async ({ page, context }) => {
    await context.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await app.notice(/storage is blocked or full/).waitFor();
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('that is blocked does not keep anybody from signing in', on, async ({ page, context }) => {
    await context.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) {
        Object.defineProperty(window, name, {
          get() {
            throw new DOMException('blocked', 'SecurityError');
          },
        });
      }
    });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.notice(/storage is blocked or full/).waitFor();
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('that is damaged is put aside, and the page begins anew', on, async ({ page }) => {
    const damaged = '{"servers":[{"id":"a","na';
    await holding(page, damaged);
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.notice(/Dropped: the saved servers \(the browser's storage was damaged\)/).waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem('gatepass:damaged')), damaged);
    await app.add(demo.mcpUrl);
    await app.signIn.waitFor();
    await page.reload();
    await app.card(demo.mcpUrl).is('sign-in-needed');
  });

  browserTest('that was edited by hand loses what is wrong and nothing else, and cannot make the page run anything', on, async ({ page }) => {
    await holding(
      page,
      JSON.stringify({
        servers: [
          { id: 'a', name: 'Kept', url: demo.mcpUrl, enabled: true, connection: { id: 7 } },
          { id: 'b', name: '<script>alert(1)</script>\u202eevil', url: 'javascript:alert(1)', enabled: true },
          { id: 'c', name: 'N'.repeat(1_000_000), url: `${demo.mcpUrl}?second`, enabled: true },
        ],
        flows: 'none',
        gone: 7,
      }),
    );
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    const notice = app.notice(/Dropped:/);
    await notice.waitFor();
    const words = await notice.innerText();
    assert.match(words, /the connection of “Kept”/);
    assert.match(words, /the server “<script>alert\(1\)<\/script>evil”/);
    await app.card(demo.mcpUrl).is('sign-in-needed');
    assert.ok((await app.card(`${demo.mcpUrl}?second`).root.getByRole('heading').innerText()).length <= 80);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    await page.reload();
    await app.card(demo.mcpUrl).is('sign-in-needed');
    assert.equal(await app.notice(/Dropped:/).count(), 0, 'it is said once');
  });

  browserTest('of another version is left alone and mentioned', on, async ({ page }) => {
    await holding(page, '{"servers":{"later":true}}', 'gatepass:v9');
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.notice(/Another version of this page has saved servers/).waitFor();
    await app.add(demo.mcpUrl);
    await app.signIn.waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem('gatepass:v9')), '{"servers":{"later":true}}');
  });
});
