// Without any model: servers are managed and their tools run by hand.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { startOpenMcpServer } from '../fixtures/third-party.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('without a model', () => {
  let demo;
  let open;
  let gatepass;

  before(async () => {
    [demo, open, gatepass] = await Promise.all([startDemo(), startOpenMcpServer(), startGatepass()]);
  });
  beforeEach(() => demo.behave());
  after(() => Promise.all([gatepass?.stop(), demo?.stop(), open?.close()]));
  const on = { gatepass: () => gatepass };

  browserTest('an open server needs no sign-in and its tools run from a form', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(open.url);
    await app.card(open.url).is('open');

    await page.getByText('Adds two numbers').click();
    await page.getByLabel('a', { exact: true }).fill('not a number');
    await page.getByLabel('b', { exact: true }).fill('40');
    await page.getByRole('button', { name: 'Run add' }).click();
    assert.equal(open.calls.calls.length, 0, 'what the schema forbids is not sent');
    await page.getByLabel('a', { exact: true }).fill('2');
    await page.getByRole('button', { name: 'Run add' }).click();
    await page.getByText('42', { exact: true }).waitFor();
    assert.deepEqual(open.calls.calls, [{ name: 'add', arguments: { a: 2, b: 40 } }]);
  });

  browserTest('a connected server’s tool runs from a form', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl);
    await (await app.signInWithPopup()).signInAndAllow();
    await app.card(demo.mcpUrl).is('connected');
    const tools = page.getByRole('list', { name: /^Tools of/ });
    await tools.getByText('Works out an arithmetic expression.').click();
    await page.getByLabel('expression').fill('6 * 7');
    await page.getByRole('button', { name: 'Run calculate' }).click();
    await page.getByText('6 * 7 = 42').waitFor();
  });

  browserTest('a server with an API key takes a header and no sign-in', on, async ({ page }) => {
    await demo.behave({ mcp: { access: { api_key: { header: 'x-api-key', value: 'right' } } } });
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add(demo.mcpUrl, { header: { name: 'X-Api-Key', value: 'right' } });
    await app.card(demo.mcpUrl).is('open');
    assert.deepEqual(await app.storedConnections(), []);
  });

  browserTest('what is no server’s address is refused where it was typed', on, async ({ page }) => {
    const app = new App(page, gatepass.url);
    await app.open('/servers');
    await app.add('not a url at all');
    await page.getByRole('alert').first().waitFor();
    assert.deepEqual((await app.stored()).servers, []);
  });
});
