const known: Record<string, string> = {
  openid: "know who you are",
  profile: "see your name and picture",
  email: "see your e-mail address",
  offline_access: "stay connected while you are away",
  tools: "use its tools",
  "mcp:tools": "use its tools",
  "read:user": "read your user profile",
  repo: "read and change your repositories",
};

const verbs: Record<string, string> = {
  read: "read",
  readonly: "read",
  view: "read",
  list: "list",
  write: "change",
  edit: "change",
  update: "change",
  manage: "manage",
  create: "create",
  delete: "delete",
  admin: "administer",
  call: "use",
  use: "use",
  execute: "run",
  run: "run",
  send: "send",
};

/** A scope in words where its name follows the usual pattern (`notes:read`, `read:notes`, `notes.write`), else null. */
export function scopeInWords(scope: string): string | null {
  const fixed = known[scope];
  if (fixed) return fixed;
  const words = (scope.startsWith("http") ? (scope.split("/").pop() ?? scope) : scope).split(/[:./]/).filter(Boolean);
  if (words.length < 2) return null;
  const last = words[words.length - 1] ?? "";
  const first = words[0] ?? "";
  const [verb, things] = verbs[last.toLowerCase()]
    ? [verbs[last.toLowerCase()], words.slice(0, -1)]
    : verbs[first.toLowerCase()]
      ? [verbs[first.toLowerCase()], words.slice(1)]
      : [undefined, []];
  if (!verb || things.length === 0) return null;
  return `${verb} ${things.join(" ").replaceAll(/[_-]/g, " ")}`;
}
