// Makes src/lib/api/schema.ts out of the API's description, which a test of the server keeps true.
// `npm run types` writes it; a unit test fails while it is not what this makes.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const description = new URL("../../crates/gatepass/tests/it/snapshots/it__api__openapi.snap", import.meta.url);
export const target = new URL("../src/lib/api/schema.ts", import.meta.url);

/** The text of schema.ts as it should be. */
export async function generate() {
  const snapshot = await readFile(description, "utf8");
  // A snapshot begins with a header of its own between two lines of dashes.
  const document = JSON.parse(snapshot.slice(snapshot.indexOf("\n---\n", 3) + 5));
  const nodes = await openapiTS(document, { alphabetize: true });
  return `// Made by \`npm run types\` from the API's description; not to be edited.\n\n${astToString(nodes)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(target, await generate());
}
