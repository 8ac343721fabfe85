// Every state of a server's card, with its one sentence and its one obvious action.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('a server card', () => {
  let demo;
  let gatepass;

  before(async () => {
    demo = await startDemo();
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  beforeEach(() => demo.behave());
  after(() => Promise.all([gatepass?.stop(), demo?.stop()]));
  const on = { gatepass: () => gatepass };

  async function connected(page) {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    const card = app.card(demo.mcpUrl);
    await card.is('connected');
    return { app, card };
  }

  browserTest('is checking while the server is asked, and says whom it asks', on, async ({ page }) => {
    await demo.behave({ mcp: { fault: { fault: { slow: 3000 } } } });
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Slow', url: demo.mcpUrl });
    await app.open('/servers');
    await app.card(demo.mcpUrl).is('checking');
    await app.card(demo.mcpUrl).root.getByText(/Asking localhost:\d+ what it needs…/).waitFor();
    await app.card(demo.mcpUrl).is('sign-in-needed');
  });

  browserTest('of an open server leads to its tools', on, async ({ page }) => {
    await demo.behave({ mcp: { access: 'open' } });
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Open', url: demo.mcpUrl });
    await app.open('/servers');
    const card = app.card(demo.mcpUrl);
    await card.is('open');
    await card.root.getByText('No sign-in needed.').waitFor();
    await card.button('Tools').click();
    await page.getByRole('list', { name: 'Tools of Open' }).waitFor();
  });

  browserTest('that needs a sign-in names the host and leads there', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Notes', url: demo.mcpUrl });
    await app.open('/servers');
    const card = app.card(demo.mcpUrl);
    await card.is('sign-in-needed');
    await card.root.getByText(`It wants you to sign in at ${new URL(demo.issuer).host}.`).waitFor();
    await card.button('Connect').click();
    await app.signIn.waitFor();
  });

  browserTest('of a server that knows only registered apps asks for a client id', on, async ({ page }) => {
    await demo.behave({ registration: { policy: 'off' } });
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Notes', url: demo.mcpUrl });
    await app.open('/servers');
    const card = app.card(demo.mcpUrl);
    await card.is('client-id-needed');
    await card.button('Enter client ID').click();
    await page.getByLabel('Client ID').waitFor();
  });

  browserTest('is signing in until the person is done or gives up', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const provider = await app.signInWithPopup();
    await page.getByRole('button', { name: 'Back to the servers' }).click();
    const card = app.card(demo.mcpUrl);
    await card.is('signing-in');
    await card.button('Cancel').click();
    await card.is('sign-in-needed');
    await expectSoon(() => provider.page.isClosed(), Boolean, 'the popup closed');
  });

  browserTest('counts down where the access cannot be renewed, and asks to sign in again when it is over', on, async ({ page }) => {
    await demo.behave({ token: { refresh_tokens: 'none', access_lifetime_seconds: 8 } });
    const { card } = await connected(page);
    await card.pill.getByText(/expires in \d s/).waitFor();
    await card.is('sign-in-again');
    await card.root.getByText(/Your access from .* has ended\./).waitFor();
    await demo.behave();
    await card.button('Sign in again').click();
    const app = new App(page, gatepass.url);
    await (await app.signInWithPopup()).allow();
    await card.is('connected');
    await card.pill.getByText('stays connected').waitFor();
  });

  browserTest('asks to sign in again when the authorization server has ended the grant', on, async ({ page, watch }) => {
    watch.expect(/status of 401/);
    await demo.behave({ token: { access_lifetime_seconds: 2 } });
    const { app, card } = await connected(page);
    await demo.behave({ token: { fault: { fault: { json: { status: 400, body: { error: 'invalid_grant' } } } } } });
    const [{ expiresAt }] = await app.storedConnections();
    await expectSoon(Date.now, (now) => now > expiresAt, 'the expiry');
    await page.reload();
    await card.is('sign-in-again');
    await card.button('Sign in again').waitFor();
  });

  browserTest('needs more access after a tool asked for it, and is whole again when it is allowed', on, async ({ page, watch }) => {
    watch.expect(/status of 403/);
    const { app, card } = await connected(page);
    const tools = page.getByRole('list', { name: /^Tools of/ });
    await tools.getByText('create_note', { exact: true }).first().click();
    await page.getByLabel('text', { exact: true }).fill('buy seeds');
    await page.getByRole('button', { name: 'Run create_note' }).click();
    await card.is('needs-more-access');
    await card.root.getByText(/A tool wants more than you allowed: notes:write\. The others still work\./).waitFor();
    await card.root.locator('.stub').getByRole('button', { name: 'Allow more access' }).click();
    await page.getByText('change notes').waitFor();
    const provider = await app.signInWithPopup();
    await provider.allow();
    await card.is('connected');
    const [connection] = await app.storedConnections();
    assert.ok(connection.scopes.includes('notes:write'));
  });

  browserTest('of a server that does not answer says why, who must act, and tries again', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    await demo.behave({ mcp: { fault: { fault: { status: 503 } } } });
    const app = new App(page, gatepass.url);
    await app.knows({ name: 'Down', url: demo.mcpUrl });
    await app.open('/servers');
    const card = app.card(demo.mcpUrl);
    await card.is('unreachable');
    await card.root.getByText('Why did it fail?').click();
    await card.root.getByText('Nobody has to do anything; trying again later is enough.').waitFor();
    await card.root.getByRole('listitem').filter({ hasText: 'probe' }).getByText(/failed · 503 · /).waitFor();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await card.button('Copy as Markdown').click();
    await card.button('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^## Down \(http/);
    assert.match(copied, /\| probe \| POST http.*\| 503 \|/);
    await demo.behave();
    await card.root.locator('.stub').getByRole('button', { name: 'Try again' }).click();
    await card.is('sign-in-needed');
  });

  browserTest('can be renamed, and its tools get rules of their own', on, async ({ page }) => {
    const { app, card } = await connected(page);
    await card.button('Rename').click();
    await page.getByRole('textbox', { name: 'New name' }).fill('Garden');
    await page.keyboard.press('Enter');
    await card.root.getByRole('heading', { name: 'Garden' }).waitFor();
    const rule = page.getByRole('combobox', { name: 'In chats: Add two numbers' });
    assert.equal(await rule.inputValue(), 'always');
    await rule.selectOption('Off: hide from the model');
    const { servers } = await app.stored();
    assert.equal(servers[0].tools.add_numbers.policy, 'off');
    await page.reload();
    await card.button('Tools').click();
    assert.equal(await rule.inputValue(), 'off');
  });

  for (const [how, revocation, said] of [
    ['is confirmed where the authorization server confirms it', {}, /Disconnected from .*revoked/i],
    ['says so where the authorization server offers no revocation', { offered: false }, /Disconnected from /],
    ['is done here at once while the authorization server hangs', { fault: { fault: 'hang' } }, /Disconnected from /],
    ['counts as done where only access tokens cannot be revoked', { refuse_access_tokens: true }, /Disconnected from /],
  ]) {
    browserTest(`after a disconnect: ${how}`, on, async ({ page }) => {
      await demo.behave({ revocation });
      const { app, card } = await connected(page);
      await card.button('Disconnect').click();
      // Whatever the authorization server does, here it is over at once.
      await card.root.and(page.locator('[data-state="connected"]')).waitFor({ state: 'detached' });
      assert.deepEqual(await app.storedConnections(), []);
      const notice = app.notice(said);
      await notice.waitFor();
      const words = await notice.innerText();
      if (revocation.offered === false) assert.match(words, /offers no revocation: remove it there/);
      if (revocation.fault) assert.match(words, /not|later|again|once/i);
    });
  }
});
