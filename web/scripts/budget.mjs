// Fails if the first load is heavier than promised: what index.html names, and what those files import statically.
import { readFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const most = { bytes: 70 * 1024, requests: 8 };

const seen = new Map();

async function add(path) {
  if (seen.has(path)) return;
  const content = await readFile(join(dist, path));
  seen.set(path, gzipSync(content, { level: 9 }).length);
  const text = content.toString("utf8");
  if (path.endsWith(".html")) {
    for (const [, target] of text.matchAll(/(?:src|href)="\/([^"]+)"/g)) await add(target);
  } else if (path.endsWith(".js")) {
    // `import … from "./x.js"` and `import "./x.js"`, but not `import("./x.js")`: those load later.
    for (const [, target] of text.matchAll(/(?:from|import)\s*["'](\.{1,2}\/[^"']+)["']/g)) {
      await add(posix.join(posix.dirname(path), target));
    }
  }
}

try {
  await add("index.html");
} catch (error) {
  console.error(`There is no build to measure (${error.message}). Run "npm run build" first.`);
  process.exit(1);
}

const bytes = [...seen.values()].reduce((sum, size) => sum + size, 0);
for (const [path, size] of seen) console.log(`${(size / 1024).toFixed(1).padStart(7)} KB  ${path}`);
console.log(`${(bytes / 1024).toFixed(1).padStart(7)} KB  gzip in ${seen.size} requests (at most ${most.bytes / 1024} KB in ${most.requests})`);

if (bytes > most.bytes || seen.size > most.requests) {
  console.error("The first load is over its budget.");
  process.exit(1);
}
