// The pages as a user sees them.
import { expectSoon } from './expect.mjs';
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
  }

  // The chat.

  get composer() {
    return this.page.getByRole('textbox', { name: 'Message' });
  }

  /** Everything said in the conversation. */
  get thread() {
    return this.page.getByRole('log', { name: 'Messages' });
  }

  /** The newest answer. */
  get answer() {
    return this.page.locator('[data-testid="message"][data-role="assistant"]').last();
  }

  /** Waits until the newest answer is whole and says this. */
  async answered(text) {
    await this.answer.getByText(text).filter({ visible: true }).first().waitFor();
    await this.page.getByRole('button', { name: 'Send' }).waitFor();
  }

  /** Where the newest answer asks for a sign-in or for more access. */
  get authorizationCard() {
    return this.answer.getByTestId('authorization-card');
  }

  /** A tool call in the newest answer. */
  toolCard(name) {
    return this.answer.locator(`[data-testid="tool-card"][data-tool$=${JSON.stringify(name)}]`);
  }

  async send(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** What the person said, by its text. */
  question(text) {
    return this.page.locator('[data-testid="message"][data-role="user"]').filter({ hasText: text });
  }

  /** Every answer of the conversation, in order. */
  get answers() {
    return this.page.locator('[data-testid="message"][data-role="assistant"]');
  }

  /** Adds an open server to the page's storage, as adding it by hand would. */
  async knows(...servers) {
    await this.page.addInitScript(
      ([key, list]) => {
        if (!localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify({ servers: list, flows: [], gone: {} }));
      },
      [STORAGE_KEY, servers.map((server, at) => ({ id: `server-${at}`, enabled: true, ...server }))],
    );
  }

  /** Opens the server manager over the chat. */
  async openServers() {
    await this.page.getByRole('button', { name: 'Manage servers' }).click();
  }

  async closeServers() {
    await this.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  }

  // The servers.

  card(url) {
    return new Card(this.page.locator(`[data-testid="server-card"][data-server=${JSON.stringify(url)}]`));
  }

  notice(text) {
    return this.page.getByRole('status').filter({ hasText: text });
  }

  /** Types a URL into the add form and lets Gatepass look at it. */
  async add(url, { header } = {}) {
    await this.page.getByRole('button', { name: 'Add server' }).first().click();
    await this.page.getByLabel('Server URL').fill(url);
    if (header) {
      await this.page.getByText('Use an API key instead').click();
      await this.page.getByLabel('Header name').fill(header.name);
      await this.page.getByLabel('Header value').fill(header.value);
    }
    await this.page.getByRole('button', { name: 'Connect', exact: true }).click();
  }

  /** The button that starts a sign-in; it names the host that will ask for consent. */
  get signIn() {
    return this.page.getByRole('button', { name: /^Sign in with / });
  }

  /** Presses it and returns what opens in the popup. */
  async signInWithPopup(button = this.signIn) {
    const [popup] = await Promise.all([this.page.waitForEvent('popup'), button.click()]);
    return new Provider(popup);
  }

  /** The same with popups blocked: the whole page goes there. */
  async signInWithPage(button = this.signIn) {
    await button.waitFor();
    await clickWithoutGesture(button);
    await this.page.waitForURL((url) => url.origin !== this.url);
    return new Provider(this.page);
  }

  /** What the page keeps in the browser. */
  async stored() {
    const text = await this.page.evaluate((key) => localStorage.getItem(key), STORAGE_KEY);
    return text ? JSON.parse(text) : { servers: [], flows: [] };
  }

  /** The connections the page keeps. */
  async storedConnections() {
    const { servers } = await this.stored();
    return servers.flatMap((server) => server.connection ?? []);
  }

  /** Waits until the page keeps so many connections. */
  async connections(count) {
    return expectSoon(
      () => this.storedConnections(),
      (connections) => connections.length === count,
      `${count} stored connections`,
    );
  }
}

/** One server's card. */
export class Card {
  constructor(root) {
    this.root = root;
    this.pill = root.getByTestId('expiry-pill');
  }

  button(name) {
    return this.root.getByRole('button', { name });
  }

  /** Waits for a state such as `connected` or `sign-in-needed`. */
  async is(state) {
    await this.root.and(this.root.page().locator(`[data-state="${state}"]`)).waitFor();
  }
}

/** The demo's own pages: sign-in and consent. */
export class Provider {
  constructor(page) {
    this.page = page;
  }

  async signInAs(name) {
    await this.page.getByRole('button', { name: new RegExp(name) }).click();
  }

  async allow() {
    await this.page.getByRole('button', { name: 'Allow', exact: true }).click();
  }

  async deny() {
    await this.page.getByRole('button', { name: 'Deny', exact: true }).click();
  }

  async signInAndAllow(name = 'Ada Lovelace') {
    await this.signInAs(name);
    await this.allow();
  }
}
