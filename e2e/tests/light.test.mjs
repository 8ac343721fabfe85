// How much the page costs before anybody does anything, and whether it is paid for twice.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

const MOST = { bytes: 70 * 1024, requests: 8 };

describe('a light page', () => {
  let gatepass;

  before(async () => {
    gatepass = await startGatepass();
  });
  after(() => gatepass?.stop());
  const on = { gatepass: () => gatepass };

  browserTest('the first load keeps its budget, and the second is paid for already', on, async ({ page }) => {
    const loads = [];
    page.on('response', (response) => loads.push(response));
    const app = new App(page, gatepass.url);
    await app.open();
    await app.composer.waitFor();
    await page.waitForLoadState('networkidle');
    const sizes = await Promise.all(loads.map(async (response) => [response.url().replace(gatepass.url, ''), gzipSync(await response.body(), { level: 9 }).length]));
    const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(sizes.length <= MOST.requests, `${sizes.length} requests: ${JSON.stringify(sizes)}`);
    assert.ok(bytes <= MOST.bytes, `${bytes} bytes: ${JSON.stringify(sizes)}`);
    assert.ok(sizes.some(([path]) => path.endsWith('.js')), 'the page itself is among them');

    await page.reload();
    await app.composer.waitFor();
    await page.waitForLoadState('networkidle');
    const again = await page.evaluate(() =>
      performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/')).map(({ name, transferSize }) => [name, transferSize]),
    );
    assert.ok(again.length >= 2);
    for (const [name, size] of again) {
      assert.equal(size, 0, `${name} comes from the cache`);
    }
  });

  test('files are compressed ahead, kept for ever by their name, and asked for again by their tag', async () => {
    const html = await (await fetch(gatepass.url)).text();
    const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
    assert.ok(assets.length >= 2, html);
    for (const path of assets) {
      const plain = await fetch(`${gatepass.url}${path}`, { headers: { 'accept-encoding': 'identity' } });
      const size = (await plain.arrayBuffer()).byteLength;
      assert.equal(plain.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      for (const encoding of ['br', 'gzip']) {
        const answer = await fetch(`${gatepass.url}${path}`, { headers: { 'accept-encoding': encoding } });
        assert.equal(answer.headers.get('content-encoding'), encoding);
        assert.equal(answer.headers.get('vary'), 'accept-encoding');
        assert.ok(Number(answer.headers.get('content-length')) < size, `${path} is smaller in ${encoding}`);
        await answer.arrayBuffer();
      }
      const known = await fetch(`${gatepass.url}${path}`, { headers: { 'if-none-match': plain.headers.get('etag') } });
      assert.equal(known.status, 304);
    }
    const page = await fetch(gatepass.url);
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    assert.ok(page.headers.get('etag'));
    await page.text();
  });
});
