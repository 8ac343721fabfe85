// A page on which every state of a server's card is seen at once, with answers made up for it.

const STORAGE_KEY = 'gatepass:v1';
const minute = 60_000;

const connection = (id, more) => ({
  id,
  sealed: 's1.picture.only',
  resource: `https://${id}.example/mcp`,
  issuer: `https://login.${id}.example`,
  scopes: ['tools'],
  expiresAt: Date.now() + 42 * minute,
  refreshable: true,
  generation: 1,
  registration: 'dynamic',
  ...more,
});

const report = (steps, more = {}) => ({ steps, summary: null, actor: null, ...more });
const step = (host, name, path, more = {}) => ({
  name,
  request: `${name === 'probe' ? 'POST' : 'GET'} https://${host}${path}`,
  status: 200,
  millis: 84,
  rule: 'a request without a token; 401 asks for one (RFC 9728 §5)',
  verdict: 'ok',
  note: null,
  ...more,
});

const found = (name, more = {}) => ({
  requiresAuth: true,
  resource: `https://${name}.example/mcp`,
  issuer: `https://login.${name}.example`,
  authorizationServers: [`https://login.${name}.example`],
  foreign: [],
  registration: 'dynamic',
  redirectUri: 'https://chat.example/api/mcp/oauth/callback',
  scopes: ['notes:read', 'offline_access'],
  report: report([
    step(`${name}.example`, 'probe', '/mcp', { status: 401, verdict: 'info' }),
    step(`${name}.example`, 'resource metadata', '/.well-known/oauth-protected-resource/mcp'),
    step(`login.${name}.example`, 'authorization server metadata', '/.well-known/oauth-authorization-server'),
  ]),
  ...more,
});

const tools = {
  server: { name: 'picture', version: '1' },
  protocolVersion: '2026-07-28',
  tools: [
    { name: 'search', title: 'Search notes', description: 'Finds notes by their words.', inputSchema: { type: 'object', properties: { text: { type: 'string' } } }, annotations: { readOnlyHint: true } },
    { name: 'remove', title: 'Remove a note', description: 'Removes a note for good.', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } },
  ],
};

const problem = (slug, status, action, detail, more = {}) => ({ type: `/problems/${slug}`, title: slug, status, action, detail, ...more });

/** Name, what is kept of the server, and what a look at it gives. */
const servers = [
  ['Checking', 'checking', {}, null],
  ['Open', 'weather', {}, { requiresAuth: false, probeStatus: 200, report: report([]) }],
  ['API key', 'metrics', { sealedHeaders: 's1.picture', headerNames: ['X-API-Key'] }, tools],
  ['Sign-in needed', 'notes', {}, found('notes')],
  ['Client ID needed', 'tickets', {}, found('tickets', { registration: 'client-required' })],
  ['Signing in', 'mail', {}, found('mail')],
  ['Stays connected', 'calendar', { connection: connection('calendar') }, tools],
  ['Expires', 'files', { connection: connection('files', { refreshable: false }) }, tools],
  ['Needs more access', 'tasks', { connection: connection('tasks') }, problem('scope-required', 403, 'authorize', 'tasks.example wants more access for this.', { scopes: ['tasks:write'] })],
  ['Sign in again', 'wiki', { connection: connection('wiki', { refreshable: false, expiresAt: Date.now() - minute }) }, tools],
  [
    'Unreachable',
    'archive',
    {},
    problem('server-unreachable', 502, 'retry', 'archive.example refuses connections: nothing is listening there.', {
      report: report([step('archive.example', 'probe', '/mcp', { status: null, verdict: 'failed', note: 'archive.example refuses connections: nothing is listening there' })], {
        summary: 'archive.example refuses connections: nothing is listening there',
        actor: 'nobody',
      }),
    }),
  ],
];

/** Makes a page that will show them all. */
export async function showCardStates(page) {
  const kept = servers.map(([name, host, more], at) => ({ id: `s${at}`, name, url: `https://${host}.example/mcp`, enabled: true, ...more }));
  const flow = { flowId: 'picture', serverId: 's5', mode: 'popup', startedAt: Date.now(), expiresAt: Date.now() + 9 * minute };
  await page.addInitScript(
    ([key, value]) => localStorage.setItem(key, value),
    [STORAGE_KEY, JSON.stringify({ servers: kept, flows: [flow], gone: {} })],
  );
  await page.route('**/api/mcp/**', async (route) => {
    const { url } = route.request().postDataJSON() ?? {};
    const entry = servers.find(([, host]) => url?.includes(`//${host}.example/`));
    const looksAtOpen = entry?.[3]?.requiresAuth === false && route.request().url().endsWith('/tools');
    const answer = looksAtOpen ? tools : entry?.[3];
    if (!answer) return; // Never answered: it is being checked, or waited for.
    await route.fulfill({
      status: answer.status ?? 200,
      contentType: answer.status ? 'application/problem+json' : 'application/json',
      body: JSON.stringify(answer),
    });
  });
}

/** The URL of the server of that name. */
export function urlOf(name) {
  const [, host] = servers.find(([own]) => own === name);
  return `https://${host}.example/mcp`;
}
