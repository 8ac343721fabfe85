// The main job in Chromium: add a server, consent, chat with its tools, disconnect.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('the main job', () => {
  let demo;
  let gatepass;

  before(async () => {
    demo = await startDemo();
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  beforeEach(() => demo.behave());
  after(() => Promise.all([gatepass?.stop(), demo?.stop()]));
  const on = { gatepass: () => gatepass };

  browserTest('add, consent in the popup, chat with tools, refresh, disconnect', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    const card = app.card(demo.mcpUrl);
    const families = (await demo.record()).grants.length;
    const family = async () => (await demo.record()).grants[families];
    // Short-lived at first: the second message below has to refresh.
    await demo.behave({ token: { access_lifetime_seconds: 6 } });

    await app.open();
    await app.openServers();
    await app.add(demo.mcpUrl);
    assert.match(await app.signIn.innerText(), new RegExp(new URL(demo.issuer).host), 'who will ask is said before');
    const provider = await app.signInWithPopup();
    await provider.signInAndAllow();
    await provider.page.waitForEvent('close');
    await card.is('connected');
    await card.pill.getByText('stays connected').waitFor();
    const [connection] = await app.storedConnections();
    assert.equal(connection.generation, 1);
    assert.deepEqual(await family(), {
      ...(await family()),
      account: 'ada',
      resource: demo.mcpUrl,
      refreshes: 0,
      revoked: false,
    });
    await app.closeServers();

    // The token is due before the message is sent; the refresh comes first, and once.
    await demo.behave();
    await expectSoon(Date.now, (now) => now > connection.expiresAt - 500, 'near expiry');
    await app.send('add 2 and 40');
    await app.answered(/42/);
    const tool = app.toolCard('add_numbers');
    await tool.click();
    await tool.getByText('2 + 40 = 42').waitFor();
    assert.equal((await family()).refreshes, 1);
    const [refreshed] = await app.storedConnections();
    assert.equal(refreshed.generation, 2);
    assert.notEqual(refreshed.sealed, connection.sealed);
    const { requests, toolCalls } = await demo.record();
    const refreshedAt = requests.findLastIndex(({ endpoint, form }) => endpoint === 'token' && form.some(([, v]) => v === 'refresh_token'));
    const calledAt = requests.findLastIndex(({ rpc_method: method }) => method === 'tools/call');
    assert.ok(refreshedAt < calledAt, 'refreshed before the tool was called');
    assert.deepEqual(toolCalls.at(-1).arguments, { a: 2, b: 40 });
    assert.equal(toolCalls.at(-1).account, 'ada');

    // Fresh now: the next message refreshes nothing.
    await app.send('what is 12 * 7');
    await app.answered(/84/);
    assert.equal((await family()).refreshes, 1);

    await app.openServers();
    await card.button('Disconnect').click();
    await card.is('sign-in-needed');
    assert.deepEqual(await app.storedConnections(), []);
    const ended = await expectSoon(family, ({ revoked }) => revoked, 'the revocation');
    assert.equal(ended.reason, 'client');
  });

  browserTest(
    'with popups blocked the whole page goes to the sign-in and returns to the same chat and draft',
    { ...on, popups: 'blocked' },
    async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      await app.send('hello');
      await page.waitForURL(/\/c\//);
      const chat = page.url();
      await app.composer.fill('add 1 and 1 when I am back');
      await app.openServers();
      await app.add(demo.mcpUrl);

      const provider = await app.signInWithPage();
      await provider.signInAndAllow();
      await page.waitForURL(chat);

      await app.notice(/Connected to/).waitFor();
      await app.connections(1);
      assert.equal(await app.composer.inputValue(), 'add 1 and 1 when I am back');
    },
  );

  browserTest('a denied consent is said in the page and the next try works', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const first = await app.signInWithPopup();
    await first.signInAs('Ada Lovelace');
    await first.deny();
    await page.getByRole('alert').getByText(/did not allow it/).waitFor();
    assert.deepEqual(await app.storedConnections(), []);

    const second = await app.signInWithPopup();
    await second.allow();
    await app.card(demo.mcpUrl).is('connected');
    await app.connections(1);
  });

  browserTest(
    'denied in the full-page way, the page that comes back says so and offers another try',
    { ...on, popups: 'blocked' },
    async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open('/servers');
      await app.add(demo.mcpUrl);
      const provider = await app.signInWithPage();
      await provider.signInAs('Ada Lovelace');
      await provider.deny();
      await page.waitForURL((url) => url.origin === gatepass.url);

      await page.getByText(/not (granted|allow)|denied|declined/i).first().waitFor();
      await app.signIn.waitFor();
    },
  );

  browserTest('a sign-in page that cuts itself off from its opener still connects', on, async ({ page }) => {
    await demo.behave({ authorize: { cross_origin_opener_policy: true } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const provider = await app.signInWithPopup();
    await provider.signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('a popup closed early leaves everything ready for another try', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const abandoned = await app.signInWithPopup();
    await abandoned.page.close();
    await page.getByText(/window looks closed/).first().waitFor();

    const provider = await app.signInWithPopup(page.getByRole('button', { name: 'Try again' }));
    await provider.signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('without a refresh token the card counts down', on, async ({ page }) => {
    await demo.behave({ token: { refresh_tokens: 'none', access_lifetime_seconds: 3600 } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).pill.getByText(/expires in \d+ min/).waitFor();
  });

  browserTest('where apps cannot register, a client id is asked for; a blank one is none', on, async ({ page }) => {
    await demo.behave({
      registration: { policy: 'off', preregistered: [{ client_id: 'typed-by-hand', client_name: 'Typed by hand' }] },
    });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const clientId = page.getByLabel('Client ID');
    await page.getByText(`${gatepass.url}/api/mcp/oauth/callback`).waitFor();
    await clientId.fill('   ');
    await app.signIn.click();
    await page.getByRole('alert').getByText(/client ID/i).waitFor();
    // Cancelled and begun again, it is still asked for.
    await page.getByRole('button', { name: 'Not now' }).click();
    await app.card(demo.mcpUrl).button('Enter client ID').click();
    await clientId.fill('typed-by-hand');
    const provider = await app.signInWithPopup();
    await provider.page.getByText('Typed by hand').waitFor();
    await provider.signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
    const [connection] = await app.storedConnections();
    assert.equal(connection.registration, 'manual');
  });

  browserTest('removing a server ends its access first', on, async ({ page }) => {
    const families = (await demo.record()).grants.length;
    const app = new App(page, gatepass.url);
    const card = app.card(demo.mcpUrl);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await card.is('connected');
    await card.button('Remove').click();
    await card.root.getByRole('button', { name: 'Remove', exact: true }).click();
    await card.root.waitFor({ state: 'detached' });
    assert.deepEqual((await app.stored()).servers, []);
    await expectSoon(demo.record, ({ grants }) => grants[families].revoked, 'the revocation');
  });

  browserTest('a tool that wants more access asks in the turn, and works once it is allowed', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');

    await app.open();
    await app.send('note: water the plants');
    await app.authorizationCard.getByRole('button', { name: 'Allow more access' }).click();
    const provider = await app.signInWithPopup();
    await provider.page.getByText(/notes/i).first().waitFor();
    await provider.allow();
    // What the dialog was opened for is done: it goes, and the chat is there again.
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const [connection] = await app.storedConnections();
    assert.ok(connection.scopes.includes('notes:write'));
    assert.ok(connection.scopes.includes('notes:read'), 'what was allowed before is kept');

    await app.answered(/water the plants/);
    const { toolCalls } = await demo.record();
    assert.equal(toolCalls.at(-1).tool, 'create_note');
  });

  browserTest('a turn can be stopped, and the next one works', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');

    await app.open();
    await app.send('count slowly to 50');
    await app.toolCard('slow_count').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('You stopped this answer.').waitFor();
    await app.send('add 1 and 2');
    await app.answered(/1 \+ 2 = 3/);
  });

  browserTest('a sign-in that ends after a reload is picked up', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const provider = await app.signInWithPopup();
    await provider.signInAs('Ada Lovelace');
    await page.reload();
    await provider.allow();
    await app.card(demo.mcpUrl).is('connected');
    await page.reload();
    await app.card(demo.mcpUrl).is('connected');
  });

  browserTest('conversations and connections survive a restart of the server', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
    await app.open();
    await app.send('add 1 and 1');
    await app.answered(/1 \+ 1 = 2/);
    const conversation = new URL(page.url()).pathname;
    await page.goto('about:blank');

    gatepass = await gatepass.restart();

    await app.open(conversation);
    await app.answered(/1 \+ 1 = 2/);
    await app.send('add 20 and 3');
    await app.answered(/20 \+ 3 = 23/);
  });
});
