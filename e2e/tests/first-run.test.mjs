// What a new user meets: `gatepass serve --demo`.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('the first run with the demo provider', () => {
  let gatepass;

  before(async () => {
    gatepass = await startGatepass({ args: ['--demo'] });
  });
  after(() => gatepass?.stop());
  const on = { gatepass: () => gatepass };

  browserTest('the demo’s server is one click away and its model answers with its tools', on, async ({ page }) => {
    const { servers, models } = await (await fetch(`${gatepass.url}/api/config`)).json();
    const [preset] = servers;
    const app = new App(page, gatepass.url);
    await app.open();
    await page.getByText(models[0].label).first().waitFor();
    assert.match(models[0].label, /demo/i, 'the demo model says what it is');

    await app.open('/servers');
    await page.getByRole('button', { name: 'Add server' }).first().click();
    await page.getByRole('button', { name: preset.name }).click();
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(preset.url).is('connected');

    await app.open();
    await app.send('what is 12 * 7');
    await app.answered(/84/);
  });
});
