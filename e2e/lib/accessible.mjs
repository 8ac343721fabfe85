// What axe-core finds on a page, and whether the page fits its window.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails if axe-core finds anything serious or critical on the page as it is now. */
export async function assertAccessible(page, screen) {
  // Run from outside the page, as the page's own policy lets no foreign script in.
  await page.evaluate(source);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const grave = found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ target }) => target.join(' ')).slice(0, 5).join(', ')}`);
  assert.deepEqual(grave, [], `what axe-core finds on ${screen}`);
}

/** Fails if anything makes the page scroll sideways. */
export async function assertFits(page, screen) {
  const over = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const visible = [...document.querySelectorAll('body *')].filter((own) => {
      const box = own.getBoundingClientRect();
      // What scrolls inside its own frame, or is put aside for screen readers, does not widen the page.
      return box.width > 1 && box.right > width + 1 && !own.closest('pre, .table, .chips, aside:not(.open), .unseen, .code');
    });
    return { scrolls: document.documentElement.scrollWidth > width, wide: visible.map((own) => `${own.tagName}.${own.className}`).slice(0, 5) };
  });
  assert.deepEqual(over, { scrolls: false, wide: [] }, `${screen} fits the window`);
}
