// Adding a server, whatever it turns out to be and however it was pasted.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { startOpenMcpServer } from '../fixtures/third-party.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('adding a server', () => {
  let demo;
  let open;
  let gatepass;

  before(async () => {
    [demo, open] = await Promise.all([startDemo(), startOpenMcpServer()]);
    const config = `[[servers]]\nname = "House notes"\nurl = "${demo.mcpUrl}"\ndescription = "Notes of the house"\n`;
    gatepass = await startGatepass({ config });
  });
  beforeEach(() => demo.behave());
  after(() => Promise.all([gatepass?.stop(), demo?.stop(), open?.close()]));
  const on = { gatepass: () => gatepass };

  browserTest('shows each step while it happens', on, async ({ page }) => {
    await demo.behave({ metadata: { fault: { fault: { slow: 4000 } } } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const steps = page.getByTestId('discovery-steps').getByRole('listitem');
    const host = new URL(demo.mcpUrl).host;
    await steps.filter({ hasText: `Asking ${host} whether it wants a sign-in` }).and(page.locator('[data-ended="true"]')).waitFor();
    await steps.filter({ hasText: `Looking at the sign-in of ${new URL(demo.issuer).host}` }).and(page.locator('[data-ended="false"]')).first().waitFor();
    await app.signIn.waitFor();
    await page.getByText('How Gatepass found this out').click();
    await page.getByRole('listitem').filter({ hasText: 'authorization server metadata' }).first().waitFor();
  });

  browserTest('can be stopped while the server keeps it waiting', on, async ({ page }) => {
    await demo.behave({ mcp: { fault: { fault: 'hang' } } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await page.getByTestId('discovery-steps').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    assert.deepEqual((await app.stored()).servers, []);
  });

  browserTest('offers what the installation has, then well-known servers', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await page.getByRole('button', { name: 'Add server' }).first().click();
    await page.getByRole('button', { name: /^Linear/ }).waitFor();
    await page.getByRole('button', { name: /^House notes/ }).click();
    await app.signIn.waitFor();
    await page.getByRole('button', { name: 'Not now' }).click();
    await app.card(demo.mcpUrl).root.getByRole('heading', { name: 'House notes' }).waitFor();
  });

  browserTest('takes a command line as it was copied', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(`  claude mcp add --transport http sums ${open.url}  `);
    await app.card(open.url).is('open');
    await app.card(open.url).root.getByRole('heading', { name: 'sums' }).waitFor();
  });

  browserTest('takes a snippet with several servers and says what it left out', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(JSON.stringify({ mcpServers: { sums: { url: open.url }, notes: { url: demo.mcpUrl }, files: { command: 'npx' } } }));
    await app.card(open.url).is('open');
    await app.card(demo.mcpUrl).is('sign-in-needed');
    await app.notice(/Left out: files: a program on your own machine/).waitFor();
  });

  browserTest('asks for the key that a snippet only stands in for', on, async ({ page }) => {
    await demo.behave({ mcp: { access: { api_key: { header: 'x-api-key', value: 'right' } } } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(JSON.stringify({ servers: { notes: { url: demo.mcpUrl, headers: { 'X-Api-Key': '${input:key}' } } } }));
    await page.getByRole('alert').getByText('Enter the value of X-Api-Key').waitFor();
    await page.getByLabel('Header value').fill('right');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await app.card(demo.mcpUrl).is('open');
  });

  browserTest('keeps an API key sealed, and asks for it again when it is not accepted any more', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    const access = (value) => demo.behave({ mcp: { access: { api_key: { header: 'x-api-key', value } } } });
    await access('first-key');
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl, { header: { name: 'X-Api-Key', value: 'first-key' } });
    const card = app.card(demo.mcpUrl);
    await card.is('open');
    await card.root.getByText('Uses your key (X-Api-Key); no sign-in needed.').waitFor();
    const everything = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    assert.ok(!everything.includes('first-key'), 'the key itself is nowhere in the browser');

    await access('second-key');
    await page.reload();
    await card.is('sign-in-again');
    await card.button('Enter key again').click();
    assert.equal(await page.getByLabel('Header value').inputValue(), '', 'a key is never shown again');
    await page.getByLabel('Header value').fill('second-key');
    await page.getByRole('button', { name: 'Save key' }).click();
    await card.is('open');
  });

  browserTest('that asks for a sign-in and does not say where is explained, and can be kept', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    await demo.behave({ resource_metadata: { published: 'missing' }, metadata: { locations: [] } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    const alert = page.getByRole('alert');
    await alert.getByText(/asks for a sign-in but does not say where/).waitFor();
    await alert.getByText('Why did it fail?').click();
    await alert.getByText('Whoever runs that server, or its sign-in, has to fix it.').waitFor();
    await page.getByRole('button', { name: 'Add anyway' }).click();
    await app.card(demo.mcpUrl).is('unreachable');
  });

  browserTest('that forbids everything is not presented as a sign-in', on, async ({ page, watch }) => {
    watch.expect(/Failed to load resource/);
    await demo.behave({ mcp: { access: 'forbidden' } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await page.getByRole('alert').getByText('Why did it fail?').waitFor();
    assert.equal(await app.signIn.count(), 0);
  });

  browserTest('whose names and words are hostile shows them as the text they are', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await page.route('**/api/mcp/tools', async (route) => {
      const evil = '<img src=x onerror=alert(1)>\u202egnp.exe\u001b[31m';
      await route.fulfill({
        json: {
          server: { name: 'x', version: '1', title: evil + 'T'.repeat(1_000_000) },
          protocolVersion: '2026-07-28',
          tools: [{ name: 'evil', title: evil, description: evil + 'D'.repeat(1_000_000), inputSchema: { type: 'object' } }],
        },
      });
    });
    await app.open('/servers');
    await app.add(open.url);
    const card = app.card(open.url);
    await card.is('open');
    const name = await card.root.getByRole('heading').first().innerText();
    assert.ok(name.startsWith('<img src=x onerror=alert(1)>gnp.exe') && name.length <= 80, name.slice(0, 200));
    const tool = page.getByRole('list', { name: /^Tools of/ }).getByText('<img src=x onerror=alert(1)>gnp.exe', { exact: true });
    await tool.waitFor();
    assert.equal(await page.locator('img[src="x"]').count(), 0);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, 'nothing runs over the side of the page');
  });
});
