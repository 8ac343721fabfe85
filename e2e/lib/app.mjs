// The pages as a user sees them: roles and names, no selectors of the implementation.
import assert from 'node:assert/strict';
import { clickWithoutGesture } from './browser.mjs';

const STORAGE_KEY = 'gatepass:v1';

/** One page of Gatepass. */
export class App {
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  async open(path = '/') {
    await this.page.goto(`${this.url}${path}`);
    await this.message.waitFor();
  }

  // The chat.

  get message() {
    return this.page.getByRole('textbox', { name: /message/i });
  }

  get transcript() {
    return this.page.getByRole('log');
  }

  async send(text) {
    await this.message.fill(text);
    await this.page.getByRole('button', { name: 'Send', exact: true }).click();
  }

  /** The card of a tool call by the tool's name. */
  toolCard(name) {
    return this.page.getByRole('group', { name }).or(this.page.getByRole('article', { name }));
  }

  // The servers.

  async openServers() {
    await this.page.getByRole('button', { name: /^servers/i }).first().click();
  }

  async closeServers() {
    await this.page.keyboard.press('Escape');
  }

  card(name) {
    return this.page.getByRole('listitem').filter({ has: this.page.getByRole('heading', { name }) });
  }

  /** Types a URL into the add form and lets Gatepass look at it. */
  async add(url, { header } = {}) {
    await this.page.getByRole('button', { name: 'Add server' }).click();
    await this.page.getByRole('textbox', { name: 'Server URL' }).fill(url);
    if (header) {
      await this.page.getByText('header', { exact: false }).first().click();
      await this.page.getByLabel(/name/i).fill(header.name);
      await this.page.getByLabel(/value/i).fill(header.value);
    }
    await this.page.getByRole('button', { name: 'Connect', exact: true }).click();
  }

  get signIn() {
    return this.page.getByRole('button', { name: /^(sign in|continue|authorize)/i });
  }

  /** Presses the button that starts the sign-in and returns the popup. */
  async signInWithPopup(button = this.signIn) {
    const [popup] = await Promise.all([this.page.waitForEvent('popup'), button.click()]);
    return new Provider(popup);
  }

  /** The same with popups blocked: the whole page leaves. */
  async signInWithPage(button = this.signIn) {
    await clickWithoutGesture(button);
    await this.page.waitForURL((url) => url.origin !== this.url);
    return new Provider(this.page);
  }

  /** What the page keeps in the browser. */
  async stored() {
    return this.page.evaluate((key) => JSON.parse(localStorage.getItem(key) ?? 'null'), STORAGE_KEY);
  }

  async storedConnections() {
    const { servers } = (await this.stored()) ?? { servers: [] };
    return servers.flatMap((server) => server.connection ?? []);
  }

  async assertNothingSecretStored() {
    const text = await this.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    assert.doesNotMatch(text, /access_token|refresh_token|client_secret|code_verifier/);
  }
}

/** The demo's own pages: sign-in and consent. */
export class Provider {
  constructor(page) {
    this.page = page;
  }

  async signInAs(name = 'Ada Lovelace') {
    await this.page.getByRole('button', { name: new RegExp(name) }).click();
  }

  async allow() {
    await this.page.getByRole('button', { name: 'Allow', exact: true }).click();
  }

  async deny() {
    await this.page.getByRole('button', { name: 'Deny', exact: true }).click();
  }
}
