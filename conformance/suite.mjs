// The official MCP conformance suite, as a program.
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = new URL('./', import.meta.url);
// The suite needs a newer Node than the rest of the project.
const node = fileURLToPath(new URL('node_modules/node/bin/node', here));
const suite = fileURLToPath(new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', here));

/** Where runs write what they checked. */
export const results = new URL('results/', here);

/** Runs the suite; `onOutput` sees what it has printed so far. */
export function runSuite(args, { env = process.env, onOutput = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [suite, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        onOutput(output);
      });
    }
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code, output }));
  });
}

/** What a run wrote about its checks. */
export async function checksIn(folder) {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('checks.json'));
  const read = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')));
  return read.flatMap((text) => JSON.parse(text));
}

/**
 * The client scenarios that the suite itself lists for a revision: those it scores, and those it
 * runs without scoring them.
 */
export async function clientScenariosOf(revision) {
  const { output } = await runSuite(['list', '--client', '--requirements', revision]);
  const scored = [];
  const unscored = [];
  let section = '';
  for (const line of output.split('\n')) {
    if (/^\S/.test(line)) {
      section = line;
    }
    const [, name, side] = line.match(/^\s+- (\S+)(?: \[(\w+)\])?$/) ?? [];
    if (name && section.startsWith('Client scenarios')) {
      scored.push(name);
    } else if (name && section.startsWith('Run and reported') && side === 'client') {
      unscored.push(name);
    }
  }
  return { scored, unscored };
}
