// A program under test: its output kept, its end orderly.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The environment without anything that would configure Gatepass or its model. */
export function cleanEnvironment(added = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(GATEPASS|OPENAI)_/.test(name));
  return { ...Object.fromEntries(kept), ...added };
}

/** Starts a program; `ready(program)` is polled until it returns something true. */
export async function start(path, args, { env = {}, ready }) {
  const child = spawn(path, args, { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  const program = {
    output: '',
    ended: false,
    /** Ends it without a chance to tidy up, as a crash or a power cut would. */
    async kill() {
      if (!program.ended) {
        const end = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await end;
      }
    },
    async stop() {
      if (program.ended) {
        return;
      }
      const end = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const impatient = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await end;
      clearTimeout(impatient);
    },
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (program.output += text));
  }
  const failed = new Promise((_, reject) => {
    child.once('error', (error) => {
      program.ended = true;
      reject(new Error(`${path} cannot be started: ${error.message}`));
    });
    child.once('exit', (code, signal) => {
      program.ended = true;
      reject(new Error(`${path} ended (${code ?? signal}) before it was ready:\n${program.output}`));
    });
  });
  // After the start an exit is no error: stop() asks for one.
  failed.catch(() => {});

  const deadline = Date.now() + 30_000;
  while (true) {
    const answer = await Promise.race([failed, ready(program)]);
    if (answer) {
      return Object.assign(program, { answer });
    }
    if (Date.now() > deadline) {
      await program.stop();
      throw new Error(`${path} was not ready within 30 s:\n${program.output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
