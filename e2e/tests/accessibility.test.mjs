// Every screen for people who see little, use no mouse, want no motion or hold a small phone.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { startModel } from '../fixtures/model.mjs';
import { assertAccessible, assertFits } from '../lib/accessible.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

const ANSWER = `## Summary

A [link](https://docs.example/), \`code\` and averyverylongwordthatfitsonnophoneatallandhastobebrokensomewhere${'x'.repeat(60)}.

| City | Time | A column that is rather wide | Another column that is rather wide |
|---|---|---|---|
| Tokyo | 21:04 | some text | some more text |

\`\`\`js
const line = 'a line of code that is longer than any phone is wide, which has to scroll in its own frame';
\`\`\`

- [x] done
- open
`;

describe('accessibility', () => {
  let model;
  let demo;
  let gatepass;

  before(async () => {
    [model, demo] = await Promise.all([startModel(), startDemo()]);
    gatepass = await startGatepass({
      config: `model_url = "${model.url}"
[[models]]
id = "scripted"
label = "Scripted"
[[models]]
id = "other"
[[servers]]
name = "Demo notes"
url = "${demo.mcpUrl}"
description = "Notes behind a sign-in"
`,
    });
  });
  beforeEach(async () => {
    model.reset();
    await demo.behave({ mcp: { test_tools: true } });
  });
  after(() => Promise.all([gatepass?.stop(), model?.close(), demo?.stop()]));
  const on = { gatepass: () => gatepass };

  const looks = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    'a phone': { colorScheme: 'light', viewport: { width: 360, height: 740 } },
    // 1280 × 720 at 200 %.
    '200 % zoom': { colorScheme: 'dark', viewport: { width: 640, height: 360 } },
  };
  for (const [name, look] of Object.entries(looks)) {
    browserTest(`every screen is fine in ${name}`, { ...on, ...look }, async ({ page, watch }) => {
      watch.expect(/status of 404 .*nothing-of-the-kind/);
      const app = new App(page, gatepass.url);
      const screen = async (what) => {
        // Colours that are still fading would be measured half-way.
        await page.evaluate(() => Promise.all(document.getAnimations().filter((own) => own.effect?.getTiming().iterations === 1).map((own) => own.finished.catch(() => {}))));
        await assertAccessible(page, `${what}, ${name}`);
        await assertFits(page, `${what}, ${name}`);
      };
      await app.open();
      await app.composer.waitFor();
      await screen('the empty chat');
      await app.open('/servers');
      await page.getByRole('button', { name: 'Add server' }).first().waitFor();
      await screen('the servers page without servers');
      await page.getByRole('button', { name: 'Add server' }).first().click();
      await page.getByLabel('Server URL').waitFor();
      await screen('adding a server');
      await page.getByLabel('Server URL').fill('not a url at all');
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await page.getByRole('alert').first().waitFor();
      await screen('a refused address');
      await page.getByLabel('Server URL').fill(demo.mcpUrl);
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await app.signIn.waitFor();
      await screen('the step before the sign-in');
      const provider = await app.signInWithPopup();
      await screen('waiting for the sign-in');
      await provider.signInAndAllow();
      await app.card(demo.mcpUrl).is('connected');
      await screen('a connected server');

      await app.open();
      model.calls(['add_numbers', { a: 2, b: 40 }], ['test_image_content'], ['fail']);
      model.says(ANSWER);
      await app.send('Show me everything');
      await app.answered('Summary');
      for (const tool of ['add_numbers', 'fail']) await app.toolCard(tool).locator('summary').click();
      await app.toolCard('add_numbers').getByText('2 + 40 = 42').waitFor();
      await app.answer.locator('.hljs-keyword').first().waitFor();
      await screen('an answer with tools, a table and code');
      await page.getByRole('button', { name: 'Edit' }).click();
      await screen('editing a message');
      await page.getByRole('button', { name: 'Keep as it is' }).click();
      await app.openServers();
      await page.getByRole('dialog').getByTestId('server-card').first().waitFor();
      await screen('the servers over the chat');
      await app.closeServers();
      if (look.viewport) {
        await page.getByRole('button', { name: 'Open the menu' }).click();
        await page.getByRole('searchbox').waitFor();
        await screen('the menu');
        await page.getByRole('button', { name: 'Close the menu' }).last().click();
      }
      await app.open('/c/nothing-of-the-kind');
      await page.getByText('does not exist any more').waitFor();
      await screen('a conversation that is gone');
    });
  }

  browserTest('the main job is done with the keyboard alone', { ...on }, async ({ page }) => {
    const app = new App(page, gatepass.url);
    const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    /** Goes on with Tab until what has the focus is this. */
    const tabTo = async (role, name) => {
      const wanted = page.getByRole(role, { name, exact: typeof name === 'string' }).first();
      await wanted.waitFor();
      for (let steps = 0; steps < 60; steps += 1) {
        if (await wanted.evaluate((own) => own === document.activeElement)) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`${role} ${name} cannot be reached with Tab`);
    };
    await app.open();
    await app.composer.waitFor();
    await tabTo('button', 'Manage servers');
    await press('Enter');
    await tabTo('button', /Add server/);
    await press('Enter');
    await page.getByLabel('Server URL').waitFor();
    await expectSoon(() => page.getByLabel('Server URL').evaluate((own) => own === document.activeElement), Boolean, 'the field has the focus');
    await page.keyboard.type(demo.mcpUrl);
    await press('Enter');
    await app.signIn.waitFor();
    await tabTo('button', /^Sign in with /);
    const [popup] = await Promise.all([page.waitForEvent('popup'), press('Enter')]);
    await popup.getByRole('button', { name: /Ada Lovelace/ }).press('Enter');
    await popup.getByRole('button', { name: 'Allow', exact: true }).press('Enter');
    await app.card(demo.mcpUrl).is('connected');
    await press('Escape');
    const manage = page.getByRole('button', { name: 'Manage servers' });
    await expectSoon(() => manage.evaluate((own) => own === document.activeElement), Boolean, 'the focus is back where it came from');

    await tabTo('textbox', 'Message');
    model.calls(['add_numbers', { a: 2, b: 40 }]);
    model.says('It is 42.');
    await page.keyboard.type('add 2 and 40');
    await press('Enter');
    await app.answered('It is 42.');
    await page.getByRole('status').filter({ hasText: 'The answer is complete.' }).waitFor();
    const summary = app.toolCard('add_numbers').locator('summary');
    await summary.focus();
    await press('Enter');
    await app.toolCard('add_numbers').getByText('2 + 40 = 42').waitFor();
    // A conversation is renamed without a mouse, and the focus stays in its place.
    const rename = page.getByRole('button', { name: /^Rename/ }).first();
    await rename.focus();
    await press('Enter');
    await page.keyboard.type(' by keyboard');
    await press('Enter');
    const link = page.getByRole('link', { name: /by keyboard/ });
    await link.waitFor();
    await expectSoon(() => link.evaluate((own) => own === document.activeElement), Boolean, 'the focus is on the renamed conversation');
  });

  browserTest('nothing slides or fades for those who want no motion', { ...on, viewport: { width: 360, height: 740 } }, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open();
    await page.getByRole('button', { name: 'Open the menu' }).click();
    const moving = await page.evaluate(() => document.getAnimations().filter((own) => own instanceof CSSTransition && own.effect.getTiming().duration > 0).length);
    assert.equal(moving, 0);
    // The menu takes the focus and gives it back.
    await page.keyboard.press('Escape');
    const opener = page.getByRole('button', { name: 'Open the menu' });
    await expectSoon(() => opener.evaluate((own) => own === document.activeElement), Boolean, 'the focus is back');
  });
});
