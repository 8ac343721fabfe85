import { revoke } from "../api/client";
import { ApiError } from "../api/problem";
import { hostOf } from "../text/host";
import { notices } from "./notices.svelte";
import { registry } from "./registry.svelte";
import { statuses } from "./status.svelte";
import type { Server } from "./storage";

/** Ends a connection: here at once, at the authorization server as far as it goes. Says what really happened. */
export async function disconnect(server: Server): Promise<void> {
  const connection = registry.get(server.id)?.connection;
  if (!connection) return;
  registry.disconnect(server.id);
  statuses.drop(server.id);
  const at = hostOf(connection.issuer);
  try {
    const { revoked, reason } = await revoke(connection);
    if (revoked) notices.say(`Disconnected from ${server.name}. ${reason || `The access was revoked at ${at}.`}`, "good");
    else notices.say(`Disconnected from ${server.name}. ${reason || `${at} did not confirm that the access is revoked.`}`, "plain");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notices.say(`${server.name} is forgotten in this browser, but the access could not be revoked at ${at}: ${error.problem.detail} You can remove it in your account there.`, "bad");
  }
}
