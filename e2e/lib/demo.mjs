// The demo's servers in a process of their own, with their record and their switches in reach.
import { resolve } from 'node:path';
import { start } from './program.mjs';

const binary = resolve(process.env.GATEPASS_DEMO_BIN ?? '../target/debug/gatepass-demo');

/** Starts the demo on free ports; `behaviour` is what differs from a well-behaved server. */
export async function startDemo(behaviour) {
  const program = await start(binary, ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0'], {
    // The program says where it is in one line of JSON.
    ready: ({ output }) => output.split('\n').find((line) => line.startsWith('{') && line.endsWith('}')),
  });
  const { issuer, mcpUrl, modelUrl, controlUrl } = JSON.parse(program.answer);
  const demo = {
    issuer,
    mcpUrl,
    modelUrl,
    /** Changes the behaviour from the next request on; what is left out is well-behaved. */
    behave: (change = {}) => control('PUT', '/behaviour', change),
    /** What the servers themselves saw. */
    async record() {
      const record = await control('GET', '/record');
      const tokenRequests = record.requests.filter((request) => request.endpoint === 'token');
      const ofGrant = (grant) =>
        tokenRequests.filter((request) => request.form.some(([name, value]) => name === 'grant_type' && value === grant));
      return { ...record, refreshes: ofGrant('refresh_token'), exchanges: ofGrant('authorization_code') };
    },
    stop: program.stop,
  };
  async function control(method, path, body) {
    const answer = await fetch(`${controlUrl}${path}`, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path} on the demo's control: ${answer.status} ${text}`);
    }
    return text ? JSON.parse(text) : undefined;
  }
  if (behaviour) {
    await demo.behave(behaviour);
  }
  return demo;
}
