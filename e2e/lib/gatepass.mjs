// The built server, started as a user would start it, on data of its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort, start } from './program.mjs';

const binary = resolve(process.env.GATEPASS_BIN ?? '../target/debug/gatepass');

/**
 * Starts `gatepass serve`. `args` are further flags. With `dataDir` it continues on the data of an
 * earlier one; `config` is the text of a configuration file. The result has `url`, `dataDir`,
 * `output`, `stop()`, `restart()` and `crash()`.
 */
export async function startGatepass({ args = [], env = {}, dataDir, port, config } = {}) {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'gatepass-e2e-')));
  const chosen = port ?? (await freePort());
  const url = `http://localhost:${chosen}`;
  const flags = [...args];
  if (config !== undefined) {
    const file = join(folder, 'gatepass.toml');
    await writeFile(file, config);
    flags.push('--config', file);
  }
  const program = await start(binary, ['serve', '--listen', `127.0.0.1:${chosen}`, '--data-dir', folder, ...flags], {
    env,
    ready: () =>
      fetch(`${url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
  });
  return {
    url,
    dataDir: folder,
    get output() {
      return program.output;
    },
    /** Ends the server and removes its data. */
    async stop() {
      await program.stop();
      await rm(folder, { recursive: true, force: true });
    },
    /** Kills the server and starts it again on the same data and port. */
    async crash() {
      await program.kill();
      return startGatepass({ args, env, dataDir: folder, port: chosen, config });
    },
    /** Ends the server and starts it again on the same data and port. */
    async restart() {
      await program.stop();
      return startGatepass({ args, env, dataDir: folder, port: chosen, config });
    },
  };
}
