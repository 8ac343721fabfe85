// A model calls the tools of MCP servers that are not ours: the official TypeScript SDK's,
// behind npm oidc-provider and open.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startOpenMcpServer, startThirdParty } from '../fixtures/third-party.mjs';
import { Api, textOf } from '../lib/api.mjs';
import { startDemo } from '../lib/demo.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

describe('a chat with third-party MCP servers', () => {
  let demo;
  let gatepass;
  let third;
  let open;
  let model;

  before(async () => {
    [demo, third, open] = await Promise.all([startDemo(), startThirdParty(), startOpenMcpServer()]);
    gatepass = await startGatepass({ args: ['--model-url', demo.modelUrl] });
    const { body } = await new Api(gatepass.url).get('/api/config');
    model = body.models[0].id;
  });
  after(() => Promise.all([gatepass?.stop(), demo?.stop(), third?.close(), open?.close()]));

  test('the model’s calls reach the server and the results reach the answer and the history', async () => {
    const api = new Api(gatepass.url);
    const { connection } = await api.connect(third.url);
    const conversation = await api.ok('/api/conversations', {});
    const servers = [{ name: 'Arithmetic', url: third.url, connection }];

    const parts = await api.chat(conversation.id, { text: 'add 2 and 40; call whoami {}', model, servers });

    // Calls of one turn run side by side, so they may arrive in either order.
    const calls = third.calls.calls.toSorted((one, other) => one.name.localeCompare(other.name));
    assert.deepEqual(calls, [
      { name: 'add', arguments: { a: 2, b: 40 } },
      { name: 'whoami', arguments: {} },
    ]);
    const outputs = parts.filter((part) => part.type === 'tool-output-available');
    assert.equal(outputs.length, 2);
    assert.match(JSON.stringify(outputs), /"42"/);
    assert.match(JSON.stringify(outputs), /alice/);
    assert.match(textOf(parts), /42/);
    assert.equal(parts.at(-1).type, 'finish');

    const { body: kept } = await api.get(`/api/conversations/${conversation.id}`);
    assert.deepEqual(
      kept.messages.map((message) => message.role),
      ['user', 'assistant'],
    );
    const tools = kept.messages[1].parts.filter((part) => part.type === 'dynamic-tool');
    assert.deepEqual(
      tools.map((part) => part.state),
      ['output-available', 'output-available'],
    );
  });

  test('two servers with tools of the same name serve one turn', async () => {
    const api = new Api(gatepass.url);
    const { connection } = await api.connect(third.url);
    const conversation = await api.ok('/api/conversations', {});
    const before = third.calls.calls.length + open.calls.calls.length;

    const parts = await api.chat(conversation.id, {
      text: 'add 20 and 3',
      model,
      servers: [
        { name: 'Protected', url: third.url, connection },
        { name: 'Open', url: open.url },
      ],
    });

    assert.match(textOf(parts), /23/);
    assert.equal(third.calls.calls.length + open.calls.calls.length, before + 1);
  });

  test('a tool that fails is told to the model and the turn goes on', async () => {
    const api = new Api(gatepass.url);
    const conversation = await api.ok('/api/conversations', {});

    const parts = await api.chat(conversation.id, {
      text: 'call fail {"reason": "out of paper"}',
      model,
      servers: [{ name: 'Open', url: open.url }],
    });

    assert.match(JSON.stringify(parts), /out of paper/);
    assert.equal(parts.at(-1).type, 'finish');
  });
});
