// The authorize step in its harder turns: wrong clients, several authorization servers, other accounts, cut-off windows.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { App, Provider } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('signing in', () => {
  let demo;
  let other;
  let gatepass;

  before(async () => {
    [demo, other] = await Promise.all([startDemo(), startDemo()]);
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  beforeEach(() => Promise.all([demo.behave(), other.behave()]));
  after(() => Promise.all([gatepass?.stop(), demo?.stop(), other?.stop()]));
  const on = { gatepass: () => gatepass };

  async function started(page) {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await app.signIn.waitFor();
    return app;
  }

  browserTest('names the server, the sign-in and what it allows before anybody leaves', on, async ({ page }) => {
    await started(page);
    const hosts = [new URL(demo.mcpUrl).host, new URL(demo.issuer).host];
    for (const [label, host] of [['Server', hosts[0]], ['You sign in at', hosts[1]]]) {
      await page.locator('.stop').filter({ hasText: label }).getByText(host).waitFor();
    }
    await page.getByText('read notes').waitFor();
    assert.equal(await page.getByTestId('issuer-warning').count(), 0, 'the same site needs no warning');
  });

  browserTest('on another site, or elsewhere than last time, is warned about', on, async ({ page }) => {
    const elsewhere = 'https://login.elsewhere.example';
    await page.route('**/api/mcp/oauth/discover', async (route) => {
      const answer = await route.fetch({ headers: { ...route.request().headers(), accept: 'application/json' } });
      const found = await answer.json();
      await route.fulfill({ json: { ...found, issuer: elsewhere, authorizationServers: [elsewhere], foreign: [elsewhere] } });
    });
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'New', url: demo.mcpUrl }, { name: 'Known', url: other.mcpUrl, issuer: 'https://before.example' });
    await app.open('/servers');
    await app.card(demo.mcpUrl).button('Connect').click();
    await page.getByTestId('issuer-warning').getByText(/on another site than the server/).waitFor();
    await page.getByRole('button', { name: 'Not now' }).click();
    await app.card(other.mcpUrl).button('Connect').click();
    await page.getByTestId('issuer-warning').getByText(/Last time you signed in at before\.example\. Now the server sends you to login\.elsewhere\.example/).waitFor();
  });

  browserTest('with a choice of authorization servers goes to the one that was chosen', on, async ({ page }) => {
    await demo.behave({ resource_metadata: { replace: { authorization_servers: [demo.issuer, other.issuer] } } });
    await other.behave({ authorize: { resource: 'ignored' } });
    const app = await started(page);
    await page.getByText('This server accepts several sign-ins.').waitFor();
    await page.getByRole('radio', { name: new URL(other.issuer).host }).check();
    await page.getByRole('button', { name: `Sign in with ${new URL(other.issuer).host}` }).waitFor();
    const provider = await app.signInWithPopup();
    await provider.page.waitForURL((url) => url.origin === new URL(other.issuer).origin);
    await provider.page.close();
  });

  browserTest('with a wrong client id ends on an error page there, and goes on with the right one', on, async ({ page }) => {
    await demo.behave({ registration: { policy: 'off', preregistered: [{ client_id: 'the-right-one' }] } });
    const app = await started(page);
    await page.getByLabel('Client ID').fill('two words');
    await app.signIn.click();
    await page.getByRole('alert').getByText('A client ID has no spaces in it.', { exact: false }).waitFor();
    await page.getByLabel('Client ID').fill('a-wrong-one');
    const wrong = await app.signInWithPopup();
    await wrong.page.getByText(/not registered/).first().waitFor();
    await wrong.page.close();
    await page.getByText(/window looks closed/).first().waitFor();
    await page.getByRole('button', { name: 'Use another client id' }).click();
    assert.equal(await page.getByLabel('Client ID').inputValue(), 'a-wrong-one', 'it is there to be corrected');
    await page.getByLabel('Client ID').fill('the-right-one');
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('where registering is refused says the real reason and takes a client id', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    await demo.behave({ registration: { policy: 'refused', preregistered: [{ client_id: 'by-hand' }] } });
    // A registration of an earlier test would be used: this installation has none.
    const fresh = await startGatepass();
    try {
      const app = new App(page, fresh.url);
      await app.open('/servers');
      await app.add(demo.mcpUrl);
      await app.signIn.click();
      await page.getByLabel('Client ID').waitFor();
      await page.getByText(/refused to register this app/).first().waitFor();
      await page.getByText(`${fresh.url}/api/mcp/oauth/callback`).waitFor();
    } finally {
      await fresh.stop();
    }
  });

  browserTest('is still possible from the card when the page is opened another day', on, async ({ page, context }) => {
    const app = await started(page);
    await page.getByRole('button', { name: 'Not now' }).click();
    await app.card(demo.mcpUrl).is('sign-in-needed');
    await page.close();
    const later = new App(await context.newPage(), gatepass.url);
    await later.open('/servers');
    await later.card(demo.mcpUrl).button('Connect').click();
    await (await later.signInWithPopup()).signInAndAllow();
    await later.card(demo.mcpUrl).is('connected');
  });

  browserTest('is noticed although no message from the window arrives', on, async ({ page, context }) => {
    await context.addInitScript(() => {
      window.postMessage = () => {};
      BroadcastChannel.prototype.postMessage = () => {};
      addEventListener('message', (event) => event.stopImmediatePropagation(), true);
    });
    const app = await started(page);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('that was given up in the window still counts when it is finished late', on, async ({ page, context }) => {
    const app = await started(page);
    const first = await app.signInWithPopup();
    await first.signInAs('Ada Lovelace');
    const consent = first.page.url();
    await first.page.close();
    await page.getByText(/window looks closed/).first().waitFor();
    const again = await context.newPage();
    await again.goto(consent);
    await new Provider(again).allow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('as somebody else lets the authorization server ask again', on, async ({ page }) => {
    const app = await started(page);
    await (await app.signInWithPopup()).signInAndAllow('Ada Lovelace');
    const card = app.card(demo.mcpUrl);
    await card.is('connected');
    await card.button('Reconnect').click();
    const popup = await app.signInWithPopup(page.getByRole('button', { name: 'Use another account' }));
    await expectSoon(
      async () => (await demo.record()).requests.findLast(({ endpoint }) => endpoint === 'authorize').query,
      (query) => query.some(([name, value]) => name === 'prompt' && value === 'login'),
      'a request that asks for the account again',
    );
    await popup.page.close();
  });

  browserTest('with a registration that is gone there works with a new one', on, async ({ page }) => {
    const fresh = await startGatepass();
    try {
      const app = new App(page, fresh.url);
      await app.open('/servers');
      await app.add(demo.mcpUrl);
      const first = await app.signInWithPopup();
      // It is registered by the time the sign-in page is there.
      await first.page.waitForURL((url) => url.origin === new URL(demo.issuer).origin);
      await first.page.close();
      // The authorization server forgets its clients: it is another one at the same address.
      const registered = (await demo.record()).clients.length;
      await page.getByRole('button', { name: 'Try with a new registration' }).waitFor();
      const popup = await app.signInWithPopup(page.getByRole('button', { name: 'Try with a new registration' }));
      await popup.signInAndAllow();
      await app.card(demo.mcpUrl).is('connected');
      assert.equal((await demo.record()).clients.length, registered + 1);
    } finally {
      await fresh.stop();
    }
  });

  browserTest('in two tabs at once to the same server leaves one connection that both see', on, async ({ page, context }) => {
    const one = await started(page);
    const two = new App(await context.newPage(), gatepass.url);
    await two.open('/servers');
    await two.card(demo.mcpUrl).button('Connect').click();
    const first = await one.signInWithPopup();
    await first.signInAs('Ada Lovelace');
    // The other tab knows that somebody is at it, and begins anew all the same.
    const second = await two.signInWithPopup(two.page.getByRole('button', { name: 'Try again' }));
    // The one that was begun first is finished first; nobody waited for it any more.
    await first.allow();
    await one.card(demo.mcpUrl).is('connected');
    await two.card(demo.mcpUrl).is('connected');
    await expectSoon(
      async () => [await one.storedConnections(), await two.storedConnections()],
      ([a, b]) => a.length === 1 && b.length === 1 && a[0].id === b[0].id,
      'one connection in both tabs',
    );
    await expectSoon(() => second.page.isClosed(), Boolean, 'the other window closed');
    await page.reload();
    await one.card(demo.mcpUrl).is('connected');
    await one.card(demo.mcpUrl).root.getByText(/\d+ tools\./).waitFor();
  });

  browserTest('for more access can be declined, and the rest still works', on, async ({ page, watch }) => {
    watch.expect(/status of 403/);
    const app = await started(page);
    await (await app.signInWithPopup()).signInAndAllow();
    const card = app.card(demo.mcpUrl);
    await card.is('connected');
    const tools = page.getByRole('list', { name: /^Tools of/ });
    await tools.getByText('create_note', { exact: true }).first().click();
    await page.getByLabel('text', { exact: true }).fill('buy seeds');
    await page.getByRole('button', { name: 'Run create_note' }).click();
    await card.is('needs-more-access');
    await card.root.locator('.stub').getByRole('button', { name: 'Allow more access' }).click();
    await (await app.signInWithPopup()).deny();
    await page.getByRole('alert').getByText(/did not allow it/).waitFor();
    await page.getByRole('button', { name: 'Not now' }).click();
    await app.open();
    await app.send('add 20 and 3');
    await app.answered(/20 \+ 3 = 23/);
  });

  browserTest(
    'in the whole window comes back to the same place in the conversation, with the draft',
    { ...on, popups: 'blocked', viewport: { width: 900, height: 420 } },
    async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      for (const text of ['hello', 'what can you do', 'and what else', 'tell me more']) {
        await app.send(text);
        await page.waitForURL(/\/c\//);
        await page.getByRole('button', { name: 'Send' }).waitFor();
      }
      const chat = page.url();
      await app.composer.fill('add 1 and 1 when I am back');
      const scroller = page.locator('[data-keep-scroll]');
      await scroller.evaluate((element) => (element.scrollTop = 60));
      await app.openServers();
      await app.add(demo.mcpUrl);
      const provider = await app.signInWithPage();
      await provider.signInAndAllow();
      await page.waitForURL(chat);
      await app.notice(/Connected to/).waitFor();
      assert.equal(await app.composer.inputValue(), 'add 1 and 1 when I am back');
      await expectSoon(() => scroller.evaluate((element) => element.scrollTop), (top) => Math.abs(top - 60) < 3, 'the place in the conversation');
    },
  );
});
