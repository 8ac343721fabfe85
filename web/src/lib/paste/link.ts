import { fromJson } from "./json";
import type { PasteResult } from "./paste";

/** The “install” links of editors: `cursor://…/mcp/install?name=…&config=<base64>`, `vscode:mcp/install?<json>`. */
export function fromLink(text: string): PasteResult {
  const query = text.slice(text.indexOf("?") + 1);
  try {
    const direct = decodeURIComponent(query);
    if (direct.startsWith("{")) return fromJson(direct);
    const fields = new URLSearchParams(query);
    const config = fields.get("config");
    if (config) {
      const bytes = Uint8Array.from(atob(config.replaceAll("-", "+").replaceAll("_", "/").replaceAll(" ", "+")), (letter) => letter.charCodeAt(0));
      const result = fromJson(new TextDecoder().decode(bytes));
      const name = fields.get("name");
      return result.ok && name ? { ...result, servers: result.servers.map((server) => ({ name, ...server })) } : result;
    }
  } catch {
    // Told below.
  }
  return { ok: false, reason: "That install link cannot be read. Paste the server's URL instead." };
}
