// A turn that waits for consent in Chromium: the same call goes on, whatever happened meanwhile.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('a turn that waits', () => {
  let demo;
  let gatepass;

  before(async () => {
    demo = await startDemo();
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  beforeEach(() => demo.behave());
  after(() => Promise.all([gatepass?.stop(), demo?.stop()]));
  const on = { gatepass: () => gatepass };

  const notesMade = async () => (await demo.record()).toolCalls.filter(({ tool }) => tool === 'create_note').length;

  /** Connected for reading, and a turn that waits for leave to write. */
  async function parked(page) {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
    await app.open();
    await app.send('note: water the plants');
    await app.authorizationCard.getByRole('button', { name: 'Allow more access' }).waitFor();
    return app;
  }

  const allow = (app) => app.authorizationCard.getByRole('button', { name: 'Allow more access' }).click();

  /** The one answer there is holds the one call, which was made once. */
  async function wentOn(app, before) {
    await app.answered(/water the plants/);
    assert.equal(await app.toolCard('create_note').count(), 1);
    assert.equal(await app.thread.locator('[data-role="assistant"]').count(), 1);
    assert.equal((await notesMade()) - before, 1);
  }

  browserTest('goes on with the same call after consent in a popup', on, async ({ page }) => {
    const before = await notesMade();
    const app = await parked(page);
    await allow(app);
    await (await app.signInWithPopup()).allow();
    await wentOn(app, before);
  });

  browserTest('goes on with the same call after a consent that took the whole page', { ...on, popups: 'blocked' }, async ({ page }) => {
    const before = await notesMade();
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const provider = await app.signInWithPage();
    await provider.signInAndAllow();
    await page.waitForURL((url) => url.origin === gatepass.url);
    await app.card(demo.mcpUrl).is('connected');
    await app.open();
    await app.send('note: water the plants');
    await allow(app);
    const conversation = new URL(page.url()).pathname;
    await (await app.signInWithPage()).allow();
    await page.waitForURL((url) => url.origin === gatepass.url);
    assert.equal(new URL(page.url()).pathname, conversation, 'back in the same conversation');
    await wentOn(app, before);
  });

  browserTest('shows its card again after a reload and goes on from there', on, async ({ page }) => {
    const before = await notesMade();
    const app = await parked(page);
    await page.reload();
    await allow(app);
    await (await app.signInWithPopup()).allow();
    await wentOn(app, before);
  });

  browserTest('goes on although its server was killed meanwhile', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    const before = await notesMade();
    const app = await parked(page);
    gatepass = await gatepass.crash();
    await allow(app);
    await (await app.signInWithPopup()).allow();
    await wentOn(app, before);
  });

  browserTest('ends without the call if the person goes on without it', on, async ({ page }) => {
    const before = await notesMade();
    const app = await parked(page);
    await app.authorizationCard.getByRole('button', { name: 'Go on without' }).click();
    await page.getByRole('button', { name: 'Send' }).waitFor();
    await app.authorizationCard.getByText('You went on without it.').waitFor();
    assert.equal(await notesMade(), before);
    await app.send('add 2 and 40');
    await app.answered(/42/);
  });
});
