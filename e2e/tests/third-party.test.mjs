// The whole job against servers that are not ours: npm oidc-provider and the official
// TypeScript SDK's MCP server, over the HTTP API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startThirdParty } from '../fixtures/third-party.mjs';
import { Api } from '../lib/api.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('against a third-party authorization server and MCP server', () => {
  let gatepass;
  let third;

  before(async () => {
    [gatepass, third] = await Promise.all([startGatepass(), startThirdParty()]);
  });
  after(() => Promise.all([gatepass?.stop(), third?.close()]));

  test('discovery names the resource, the issuer, the scopes and how we will register', async () => {
    const found = await new Api(gatepass.url).ok('/api/mcp/oauth/discover', { url: third.url });

    assert.equal(found.requiresAuth, true);
    assert.equal(found.resource, third.url);
    assert.equal(found.issuer, third.issuer);
    assert.equal(found.registration, 'dynamic');
    assert.deepEqual(found.scopes, [third.scope, 'offline_access']);
    assert.equal(found.redirectUri, `${gatepass.url}/api/mcp/oauth/callback`);
    assert.equal(third.record.registrations.length, 0, 'looking at a server registers nothing');
  });

  test('a server is connected, used, refreshed and disconnected, by its own record', async () => {
    const api = new Api(gatepass.url);
    const { connection } = await api.connect(third.url);

    assert.equal(connection.resource, third.url);
    assert.equal(connection.issuer, third.issuer);
    assert.equal(connection.registration, 'dynamic');
    assert.equal(connection.refreshable, true);
    assert.ok(connection.expiresAt > Date.now());
    assert.deepEqual(third.record.grants, ['authorization_code']);
    const [registered] = third.record.registrations;
    assert.deepEqual(registered.redirect_uris, [`${gatepass.url}/api/mcp/oauth/callback`]);

    const listed = await api.ok('/api/mcp/tools', { url: third.url, connection });
    assert.equal(listed.server.name, 'third-party-arithmetic');
    assert.deepEqual(
      listed.tools.map((tool) => tool.name),
      ['add', 'whoami', 'fail'],
    );

    const sum = await api.ok('/api/mcp/tools/call', {
      url: third.url,
      connection,
      name: 'add',
      arguments: { a: 2, b: 40 },
    });
    assert.equal(sum.isError, false);
    assert.equal(sum.content[0].text, '42');
    const failed = await api.ok('/api/mcp/tools/call', {
      url: third.url,
      connection,
      name: 'fail',
      arguments: { reason: 'as asked' },
    });
    assert.equal(failed.isError, true);
    assert.equal(failed.content[0].text, 'as asked');

    const refreshed = (await api.ok('/api/mcp/oauth/refresh', { connection })).connection;
    assert.equal(refreshed.id, connection.id);
    assert.equal(refreshed.generation, connection.generation + 1);
    assert.notEqual(refreshed.sealed, connection.sealed);
    assert.deepEqual(third.record.grants, ['authorization_code', 'refresh_token']);

    const me = await api.ok('/api/mcp/tools/call', {
      url: third.url,
      connection: refreshed,
      name: 'whoami',
      arguments: {},
    });
    assert.equal(me.content[0].text, 'alice');

    // A page that missed the refresh carries the old generation; rotation would punish its use.
    const adopted = await api.ok('/api/mcp/oauth/refresh', { connection });
    assert.equal(adopted.connection.generation, refreshed.generation);
    assert.deepEqual(third.record.grants, ['authorization_code', 'refresh_token']);

    const revoked = await api.ok('/api/mcp/oauth/revoke', { connection: refreshed });
    assert.equal(revoked.revoked, true, JSON.stringify(revoked));
    assert.ok(third.record.revokedGrants >= 1, 'the authorization server has revoked the grant');
    assert.deepEqual(third.record.refusals, []);

    const afterwards = await api.post('/api/mcp/tools', { url: third.url, connection: refreshed });
    assert.equal(afterwards.status, 401);
    assert.equal(afterwards.body.type, '/problems/reauthorize');
  });

  test('the MCP server forgetting its sessions goes unnoticed', async () => {
    const api = new Api(gatepass.url);
    const { connection } = await api.connect(third.url);
    const add = { url: third.url, connection, name: 'add', arguments: { a: 1, b: 1 } };
    assert.equal((await api.ok('/api/mcp/tools/call', add)).content[0].text, '2');

    third.forgetSessions();

    assert.equal((await api.ok('/api/mcp/tools/call', add)).content[0].text, '2');
  });

  test('a second visitor reuses the registration and cannot use the first one’s connection', async () => {
    const first = new Api(gatepass.url);
    const { connection } = await first.connect(third.url);
    const registrations = third.record.registrations.length;

    const second = new Api(gatepass.url);
    await second.connect(third.url);
    assert.equal(third.record.registrations.length, registrations);

    const stolen = await second.post('/api/mcp/tools', { url: third.url, connection });
    assert.equal(stolen.status, 401);
    assert.equal(stolen.body.type, '/problems/reauthorize');
  });

  test('a callback that is used twice changes nothing', async () => {
    const api = new Api(gatepass.url);
    const { landed, started } = await api.connect(third.url);
    const grants = third.record.grants.length;

    const again = await api.visitor.fetch(landed.visited.at(-1));

    assert.match(await again.text(), /Nothing was exchanged/);
    assert.equal(third.record.grants.length, grants, 'the code was not sent again');
    const flow = await api.get(`/api/mcp/oauth/flows/${started.flowId}`);
    assert.equal(flow.body.status, 'authorized');
  });
});
