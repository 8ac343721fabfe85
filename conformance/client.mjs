// Runs the official MCP conformance suite against our client, the thin program in
// crates/conformance-client. Strict: each scenario alone, and its exit code says it all, warnings
// included.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { clientScenarios } from './scenarios.mjs';

const here = new URL('./', import.meta.url);
const node = fileURLToPath(new URL('node_modules/node/bin/node', here));
const suite = fileURLToPath(new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', here));
const client = process.env.GATEPASS_CONFORMANCE_CLIENT;
if (!client) {
  console.error('GATEPASS_CONFORMANCE_CLIENT names the client program');
  process.exit(2);
}

/** As many at once as the machine has cores to spare. */
const LANES = 2;

function runScenario(scenario, version) {
  const args = [suite, 'client', '--command', client, '--scenario', scenario, '--spec-version', version, '--force'];
  // Where our metadata document is published, as an operator would configure it.
  const env = { ...process.env, CLIENT_METADATA_URL: 'https://conformance-test.local/client-metadata.json' };
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code, output }));
  });
}

const waiting = Object.entries(clientScenarios).flatMap(([version, names]) => names.map((name) => ({ version, name })));
const total = waiting.length;
let failed = 0;

async function lane() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { code, output } = await runScenario(next.name, next.version);
    console.log(`${code === 0 ? '✓' : '✗'} ${next.name} ${next.version}`);
    if (code !== 0) {
      failed += 1;
      console.log(output.split('\n').filter((line) => /FAILURE|WARNING|rror/.test(line)).slice(0, 12).join('\n'));
    }
  }
}

await Promise.all(Array.from({ length: LANES }, lane));
console.log(`${total - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
