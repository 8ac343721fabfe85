/** Why a text cannot be a client id (RFC 6749 §2.2: printable ASCII, as servers give them out); null if it can. */
export function clientIdProblem(typed: string, host: string): string | null {
  const id = typed.trim();
  if (id === "") return `Enter the client ID. Without one ${host} does not let anybody sign in.`;
  if (/\s/.test(id)) return "A client ID has no spaces in it. Copy it again, without what stands around it.";
  if (!/^[\x21-\x7e]+$/.test(id)) return "A client ID has only plain letters, digits and signs. Copy it again.";
  if (id.length > 1000) return "That is too long for a client ID.";
  return null;
}

/** Why a text cannot be a client secret; null if it can, or if there is none. */
export function clientSecretProblem(typed: string): string | null {
  const secret = typed.trim();
  if (/[^\x20-\x7e]/.test(secret)) return "A client secret has only plain letters, digits and signs. Copy it again.";
  if (secret.length > 2000) return "That is too long for a client secret.";
  return null;
}
