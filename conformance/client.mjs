// Runs the official MCP conformance suite against our client, the thin program in
// crates/conformance-client. Strict: each scenario alone, its exit code says it all, warnings
// included. Where the client is meant to succeed behind a sign-in, the suite must also have seen a
// tool call of it answered with 200.
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { checksIn, clientScenariosOf, results, runSuite } from './suite.mjs';

const client = process.env.GATEPASS_CONFORMANCE_CLIENT;
if (!client) {
  console.error('GATEPASS_CONFORMANCE_CLIENT names the client program');
  process.exit(2);
}
/** Where our metadata document is published, as an operator would configure it. */
const env = { ...process.env, CLIENT_METADATA_URL: 'https://conformance-test.local/client-metadata.json' };
/** Scenarios in which the server must not be trusted: the client is right to stop. */
const mustStop = [
  'resource-mismatch',
  'scope-retry-limit',
  'iss-supported-missing',
  'iss-wrong-issuer',
  'iss-unexpected',
  'iss-normalized',
  'metadata-issuer-mismatch',
].map((name) => `auth/${name}`);
/** The revision before authorization was described by the resource; the suite scores none of it. */
const compatibility = ['auth/2025-03-26-oauth-metadata-backcompat', 'auth/2025-03-26-oauth-endpoint-fallback'];

const revisions = ['2026-07-28', '2025-11-25'];
const lists = await Promise.all(revisions.map(clientScenariosOf));
const runs = revisions.flatMap((revision, at) => [
  ...lists[at].scored.map((name) => ({ name, revision, scored: true })),
  ...lists[at].unscored.map((name) => ({ name, revision, scored: false })),
]);
runs.push(...compatibility.map((name) => ({ name, revision: '2025-03-26', scored: true })));

const calledATool = (check) =>
  check.id === 'outgoing-response' && check.details?.mcpMethod === 'tools/call' && check.details?.statusCode === 200;

async function judge(run) {
  const folder = new URL(`client/${run.revision}/${run.name}/`, results);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const args = ['client', '--command', client, '--scenario', run.name, '--spec-version', run.revision, '--force'];
  const { code, output } = await runSuite([...args, '-o', fileURLToPath(folder)], { env });
  const checks = await checksIn(folder);
  run.passed = checks.filter((check) => check.status === 'SUCCESS').length;
  run.failed = checks.filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
  run.signIn = run.name.startsWith('auth/') && !mustStop.includes(run.name);
  run.toolCalled = checks.some(calledATool);
  run.ok = code === 0 && run.passed > 0 && (run.toolCalled || !run.signIn);
  run.output = output;
}

const waiting = [...runs];
async function lane() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    await judge(next);
  }
}
// A scenario mostly waits: two to a core keep both busy.
await Promise.all(Array.from({ length: 2 * availableParallelism() }, lane));

const mark = ({ ok, passed, signIn }) => (ok ? `✓ ${passed}${signIn ? ' + call' : ''}` : '✗');
const columns = [...revisions, '2025-03-26'];
const names = [...new Set(runs.map(({ name }) => name))];
const width = Math.max(...names.map((name) => name.length));
const row = (cells) => cells.map((cell, at) => cell.padEnd(at === 0 ? width : 13)).join('  ').trimEnd();
console.log(row(['our client: checks passed', ...columns]));
for (const name of names) {
  const cell = (revision) => {
    const run = runs.find((own) => own.name === name && own.revision === revision);
    return run ? mark(run) : '';
  };
  console.log(row([name, ...columns.map(cell)]));
}
for (const run of runs.filter(({ ok }) => !ok)) {
  console.log(`\n✗ ${run.name} (${run.revision})`);
  for (const check of run.failed) {
    console.log(`    ${check.status} ${check.id}: ${check.errorMessage ?? check.description}`);
  }
  if (run.failed.length === 0) {
    const missed = run.signIn && !run.toolCalled ? ['no tool call was answered with 200'] : [];
    console.log([...missed, ...run.output.split('\n').slice(-15)].join('\n').replace(/^/gm, '    '));
  }
}
const count = (chosen) => `${chosen.filter(({ ok }) => ok).length}/${chosen.length}`;
const totals = columns.map((revision) => {
  const own = runs.filter((run) => run.revision === revision);
  const unscored = own.filter(({ scored }) => !scored);
  return `${revision} ${count(own.filter(({ scored }) => scored))}${unscored.length ? ` and ${count(unscored)} unscored` : ''}`;
});
console.log(`\nOur client, strict: ${totals.join('; ')}`);
process.exit(runs.every(({ ok }) => ok) ? 0 : 1);
