import { refreshIfDue } from "../api/client";
import { ApiError } from "../api/problem";
import { registry } from "./registry.svelte";
import { statuses } from "./status.svelte";
import type { Server } from "./storage";

const ahead = 60_000;
const longest = 10_000;

/**
 * Renews what is about to run out, one tab at a time: who gets the lock second finds the renewed connection in the
 * storage and has nothing left to do. A failure is no obstacle; the server renews on use as well.
 */
export async function refreshBeforeUse(servers: Server[]): Promise<void> {
  if (!("locks" in navigator)) return;
  await Promise.all(servers.filter(expiresSoon).map((server) => refreshOne(server)));
}

async function refreshOne(server: Server): Promise<void> {
  const signal = AbortSignal.timeout(longest);
  try {
    await navigator.locks.request(`gatepass:refresh:${server.connection?.id ?? server.id}`, { signal }, async () => {
      registry.catchUp();
      const current = registry.get(server.id);
      if (!current?.connection || !expiresSoon(current)) return;
      await refreshIfDue(current.url, current.connection, signal);
    });
  } catch (error) {
    if (error instanceof ApiError && error.slug === "reauthorize") statuses.failed(server.id, error);
  }
}

function expiresSoon(server: Server): boolean {
  const connection = server.connection;
  return !!connection?.refreshable && connection.expiresAt !== null && connection.expiresAt - Date.now() < ahead;
}
