// Takes pictures of the real pages with the demo provider, for the README and to look at.
// Called by `cargo xtask shots`, with the folder they land in.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { App } from './lib/app.mjs';
import { openBrowser } from './lib/browser.mjs';
import { showCardStates, urlOf } from './lib/card-states.mjs';
import { startGatepass } from './lib/gatepass.mjs';

const folder = resolve(process.argv[2]);
await mkdir(folder, { recursive: true });

const gatepass = await startGatepass({ args: ['--demo'] });
const browser = await openBrowser({ popups: 'allowed' });
try {
  for (const colorScheme of ['light', 'dark']) {
    await take(colorScheme, { width: 1200, height: 800 }, colorScheme);
    await takeStates(colorScheme, { width: 1200, height: 800 }, colorScheme);
  }
  await take('light', { width: 390, height: 844 }, 'narrow');
  await takeStates('light', { width: 390, height: 844 }, 'narrow');
} finally {
  await browser.close();
  await gatepass.stop();
}

/** The main job, pictured at each stop. */
async function take(colorScheme, viewport, label) {
  const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor: 2, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const shot = async (name) => {
    const path = join(folder, `${name}-${label}.png`);
    await page.screenshot({ path });
    console.log(path);
  };
  const app = new App(page, gatepass.url);
  const [preset] = (await (await fetch(`${gatepass.url}/api/config`)).json()).servers;

  await app.open();
  await app.composer.waitFor();
  await shot('empty');
  await app.open('/servers');
  await page.getByRole('button', { name: 'Add server' }).first().click();
  await page.getByLabel('Server URL').waitFor();
  await shot('add');
  await page.getByRole('button', { name: preset.name }).click();
  await app.signIn.waitFor();
  await shot('authorize');
  const provider = await app.signInWithPopup();
  await provider.signInAs('Ada Lovelace');
  await provider.page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
  await provider.page.screenshot({ path: join(folder, `consent-${label}.png`) });
  await provider.allow();
  await app.card(preset.url).is('connected');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await shot('servers');
  await app.open();
  await app.send('what is 12 * 7 and what time is it in Tokyo');
  await app.answered(/84/);
  await shot('chat');
  await context.close();
}

/** The server manager in all its states. */
async function takeStates(colorScheme, viewport, label) {
  const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor: 2, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await showCardStates(page);
  const app = new App(page, gatepass.url);
  const shot = async (name) => {
    const path = join(folder, `${name}-${label}.png`);
    // The page scrolls inside itself: for the picture the window is as high as what is in it.
    const height = await page.evaluate(() => Math.max(innerHeight, ...[...document.querySelectorAll('.scroll')].map((part) => part.scrollHeight + 80)));
    await page.setViewportSize({ ...viewport, height });
    await page.screenshot({ path });
    await page.setViewportSize(viewport);
    console.log(path);
  };
  await app.open('/servers');
  await app.card(urlOf('Unreachable')).is('unreachable');
  await app.card(urlOf('Needs more access')).is('needs-more-access');
  await shot('cards');

  const unreachable = app.card(urlOf('Unreachable'));
  await unreachable.root.getByText('Why did it fail?').click();
  await app.card(urlOf('Stays connected')).button('Tools').click();
  await page.getByText('Search notes').click();
  await shot('tools-and-report');

  await app.card(urlOf('Client ID needed')).button('Enter client ID').click();
  await page.getByLabel('Client ID').waitFor();
  await shot('client-id');
  await page.getByRole('button', { name: 'Not now' }).click();
  await app.card(urlOf('Sign-in needed')).button('Connect').click();
  await page.getByText('How Gatepass found this out').click();
  await shot('sign-in');
  await page.getByRole('button', { name: 'Not now' }).click();
  await app.card(urlOf('Stays connected')).button('Rename').click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Add server' }).first().click();
  await page.getByRole('button', { name: /^Linear/ }).waitFor();
  await page.getByText('Use an API key instead').click();
  await shot('add-all');
  await context.close();
}
