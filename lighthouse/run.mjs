// Lighthouse on the built page, headless. Called by `cargo xtask lighthouse`; fails below the mark.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import lighthouse from 'lighthouse';
import { freePort } from '../e2e/lib/program.mjs';
import { startGatepass } from '../e2e/lib/gatepass.mjs';

const LEAST = 95;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const gatepass = await startGatepass({ args: ['--demo'] });
const port = await freePort();
const profile = await mkdtemp(join(tmpdir(), 'gatepass-lighthouse-'));
const chromium = spawn(
  process.env.CHROMIUM ?? '/usr/bin/chromium',
  ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--remote-debugging-port=${port}`, `--user-data-dir=${profile}`, 'about:blank'],
  { stdio: 'ignore' },
);
let failed = false;
try {
  await listening(port);
  for (const path of ['/', '/servers']) {
    for (const form of ['mobile', 'desktop']) {
      const desktop = form === 'desktop' && {
        formFactor: 'desktop',
        screenEmulation: { mobile: false, width: 1350, height: 940, deviceScaleFactor: 1, disabled: false },
        throttling: { rttMs: 40, throughputKbps: 10_240, cpuSlowdownMultiplier: 1 },
      };
      const { lhr } = await lighthouse(`${gatepass.url}${path}`, { port, output: 'json', logLevel: 'error', onlyCategories: CATEGORIES, ...desktop });
      const scores = CATEGORIES.map((name) => [name, Math.round(lhr.categories[name].score * 100)]);
      console.log(`${path.padEnd(9)} ${form.padEnd(8)} ${scores.map(([name, score]) => `${name} ${score}`).join(', ')}`);
      for (const [name, score] of scores) {
        if (score >= LEAST) continue;
        failed = true;
        for (const { id } of lhr.categories[name].auditRefs) {
          const audit = lhr.audits[id];
          if (audit.score !== null && audit.score < 0.9) console.log(`  ${name}: ${audit.title} ${audit.displayValue ?? ''}`);
        }
      }
    }
  }
} finally {
  const ended = new Promise((resolve) => chromium.once('exit', resolve));
  chromium.kill();
  await ended;
  await gatepass.stop();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
if (failed) {
  console.error(`A score is below ${LEAST}.`);
  process.exit(1);
}
process.exit(0);

async function listening(at) {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${at}/json/version`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Chromium did not start');
}
