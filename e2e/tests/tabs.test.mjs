// Two tabs of one browser tell the same truth.
import { after, before, describe } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('two tabs', () => {
  let demo;
  let gatepass;

  before(async () => {
    demo = await startDemo();
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
  });
  after(() => Promise.all([gatepass?.stop(), demo?.stop()]));

  browserTest('show each other’s servers, names, switches, sign-ins and ends', { gatepass: () => gatepass }, async ({ page, context }) => {
    const here = new App(page, gatepass.url);
    const there = new App(await context.newPage(), gatepass.url);
    await here.open('/servers');
    await there.open('/servers');
    const [mine, theirs] = [here.card(demo.mcpUrl), there.card(demo.mcpUrl)];

    await here.add(demo.mcpUrl);
    await theirs.root.waitFor();
    await (await here.signInWithPopup()).signInAndAllow();
    await mine.is('connected');
    await theirs.is('connected');
    await theirs.root.getByText(/\d+ tools\./).waitFor();

    await theirs.button('Rename').click();
    await there.page.getByRole('textbox', { name: 'New name' }).fill('Garden');
    await there.page.keyboard.press('Enter');
    await mine.root.getByRole('heading', { name: 'Garden' }).waitFor();

    await mine.root.getByRole('switch').uncheck({ force: true });
    await theirs.root.getByRole('switch', { checked: false }).waitFor();

    await theirs.button('Disconnect').click();
    await mine.is('sign-in-needed');
    await theirs.is('sign-in-needed');

    await mine.button('Remove').click();
    await mine.root.getByRole('button', { name: 'Remove', exact: true }).click();
    await theirs.root.waitFor({ state: 'detached' });
  });

  browserTest('choose servers per chat, and a new chat starts afresh', { gatepass: () => gatepass }, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
    await app.open();
    const chip = page.getByRole('group', { name: 'Servers in this chat' }).getByRole('button').first();
    await chip.click();
    await app.send('add 2 and 3');
    await page.waitForURL(/\/c\//);
    await page.getByRole('button', { name: 'Send' }).waitFor();
    await app.toolCard('add_numbers').waitFor({ state: 'detached' });
    await page.reload();
    await page.locator('.chip[aria-pressed="false"]').waitFor();
    await page.getByRole('link', { name: 'New chat' }).first().click();
    await page.locator('.chip[aria-pressed="true"]').waitFor();
    await app.send('add 2 and 3');
    await app.answered(/2 \+ 3 = 5/);
  });
});
