// Runs the official MCP conformance suite against the demo's authorization server and MCP server.
// Every scenario that applies must pass without a failed check and without a warning.
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startDemo } from '../e2e/lib/demo.mjs';
import { freePort } from '../e2e/lib/program.mjs';
import { Visitor } from '../e2e/lib/visitor.mjs';
import { authorizationScenarios, notOffered, serverScenarios } from './scenarios.mjs';
import { checksIn, results, runSuite } from './suite.mjs';

/**
 * Runs one scenario or group and judges it by its checks. `excused` checks must fail: one that
 * passes has become applicable and belongs with the others.
 */
async function judge(label, args, { onOutput, excused = [] } = {}) {
  const folder = new URL(`${label.replace(/[^a-z0-9.-]+/gi, '-')}/`, results);
  await mkdir(folder, { recursive: true });
  const { code, output } = await runSuite([...args, '-o', fileURLToPath(folder)], { onOutput });
  const checks = await checksIn(folder);
  const failed = checks.filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
  const bad = failed.filter((check) => !excused.includes(check.id));
  const stale = excused.filter((id) => !failed.some((check) => check.id === id));
  const passed = checks.filter((check) => check.status === 'SUCCESS').length;
  // With an excused failure the suite's own verdict says nothing more.
  const ok = (code === 0 || excused.length > 0) && bad.length === 0 && stale.length === 0 && passed > 0;
  const aside = excused.length > 0 ? `, ${excused.length} about things not offered` : '';
  console.log(`${ok ? '✓' : '✗'} ${label}: ${passed} passed, ${bad.length} failed${aside}`);
  if (!ok) {
    for (const check of bad) {
      console.log(`    ${check.status} ${check.id}: ${check.errorMessage ?? check.description}`);
    }
    for (const id of stale) {
      console.log(`    ${id} is excused in scenarios.mjs but does not fail`);
    }
    if (bad.length === 0 && stale.length === 0) {
      console.log(output.replace(/^/gm, '    '));
    }
  }
  return { ok, passed };
}

/** Both scenarios: the second one takes the metadata that the first one found. */
async function authorization(demo, revision) {
  const port = await freePort();
  const visitor = new Visitor();
  const metadata = await visitor.get(`${demo.issuer}/.well-known/oauth-authorization-server`);
  const registered = await visitor.post(metadata.body.registration_endpoint, {
    client_name: 'Conformance suite',
    redirect_uris: [`http://127.0.0.1:${port}/callback`],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  });
  let visited = false;
  const visit = (output) => {
    const [url] = output.match(/^https?:\/\/\S+response_type=code\S*$/m) ?? [];
    // The address is printed before anybody listens for the answer.
    if (url && output.includes('Callback server started') && !visited) {
      visited = true;
      visitor.follow(url).catch((error) => console.log(`    the sign-in failed: ${error.message}`));
    }
  };
  return judge(
    `authorization server (${revision}): ${authorizationScenarios.join(', ')}`,
    [
      ...['authorization', '--url', demo.issuer, '--spec-version', revision],
      ...['--client-id', registered.body.client_id, '--resource', demo.mcpUrl, '--port', String(port)],
    ],
    { onOutput: visit },
  );
}

await rm(results, { recursive: true, force: true });
const demo = await startDemo({
  authorize: { auto: 'allow' },
  // Advertised, as the suite wants of an authorization server; the suite itself registers.
  registration: { metadata_documents: { known: {} } },
  mcp: { access: 'open', test_tools: true },
});
const judged = [];
try {
  for (const revision of Object.keys(serverScenarios)) {
    judged.push(await authorization(demo, revision));
    for (const scenario of serverScenarios[revision]) {
      const args = ['server', '--url', demo.mcpUrl, '--scenario', scenario, '--spec-version', revision];
      judged.push(await judge(`server (${revision}): ${scenario}`, args, { excused: notOffered[scenario] }));
    }
  }
} finally {
  await demo.stop();
}
const failed = judged.filter(({ ok }) => !ok).length;
const checks = judged.reduce((sum, { passed }) => sum + passed, 0);
console.log(`\nConformance: ${judged.length - failed} of ${judged.length} runs passed, ${checks} checks`);
process.exitCode = failed ? 1 : 0;
