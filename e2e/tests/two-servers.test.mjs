// Several authorization servers at once, one of them not ours.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { startThirdParty } from '../fixtures/third-party.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('two servers behind two authorization servers', () => {
  let demo;
  let third;
  let gatepass;

  before(async () => {
    [demo, third] = await Promise.all([startDemo(), startThirdParty()]);
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  after(() => Promise.all([gatepass?.stop(), demo?.stop(), third?.close()]));

  browserTest(
    'both sign-ins finish although the second begins before the first ends, and one turn uses both',
    { gatepass: () => gatepass },
    async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open('/servers');
      await app.add(demo.mcpUrl);
      const first = await app.signInWithPopup();
      await first.signInAs('Ada Lovelace');
      await page.getByRole('button', { name: 'Back to the servers' }).click();
      await app.add(third.url);
      // This authorization server consents by itself, so the popup may be gone at once.
      await app.signIn.click();
      await app.card(third.url).is('connected');
      await first.allow();
      await app.card(demo.mcpUrl).is('connected');
      const connections = await app.connections(2);
      assert.deepEqual(
        new Set(connections.map(({ issuer }) => issuer)),
        new Set([demo.issuer, third.issuer]),
      );

      await app.open();
      await app.send('what is 12 * 7; call whoami {}');
      await app.answered(/84/);
      await app.answered(/alice/);
      assert.deepEqual(
        third.calls.calls.map(({ name }) => name),
        ['whoami'],
      );
    },
  );
});
