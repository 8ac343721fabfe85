import type { CardState, Finding } from "../../lib/state/status.svelte";
import { missingScopes, type Server } from "../../lib/state/storage";
import { hostOf } from "../../lib/text/host";

export type Next = "connect" | "client" | "again" | "key" | "more" | "retry" | "tools" | null;

export interface CardWords {
  /** The state in one or two words. */
  label: string;
  tone: "good" | "act" | "bad" | "calm";
  sentence: string;
  /** The one obvious thing to do, and what its button says. */
  next: Next;
  button: string;
}

/** What a server's card says in each state. */
export function cardWords(state: CardState, server: Server, finding: Finding | null): CardWords {
  const signIn = hostOf(finding?.discovery?.issuer ?? server.connection?.issuer ?? server.issuer ?? server.url);
  const scopes = finding?.scopes ?? [];
  const lacking = server.connection ? missingScopes(server.connection, scopes) : scopes;
  switch (state) {
    case "checking":
      return { label: "checking", tone: "calm", sentence: `Asking ${hostOf(server.url)} what it needs…`, next: null, button: "" };
    case "open":
      return {
        label: server.sealedHeaders ? "ready" : "open",
        tone: "good",
        sentence: server.sealedHeaders ? `Uses your key (${keyName(server)}); no sign-in needed.` : "No sign-in needed.",
        next: "tools",
        button: "Tools",
      };
    case "sign-in-needed":
      return { label: "sign-in needed", tone: "act", sentence: `It wants you to sign in at ${signIn}.`, next: "connect", button: "Connect" };
    case "client-id-needed":
      return {
        label: "client ID needed",
        tone: "act",
        sentence: `${signIn} only lets known apps in: it needs a client ID from you once.`,
        next: "client",
        button: "Enter client ID",
      };
    case "signing-in":
      return { label: "signing in", tone: "calm", sentence: "Waiting for you to finish in the sign-in window.", next: null, button: "" };
    case "connected":
      return { label: "connected", tone: "good", sentence: `Signed in at ${signIn}.`, next: "tools", button: "Tools" };
    case "needs-more-access":
      return {
        label: "needs more access",
        tone: "act",
        sentence: lacking.length > 0
          ? `A tool wants more than you allowed: ${lacking.join(", ")}. The others still work.`
          : "A tool wants more than you allowed. The others still work.",
        next: "more",
        button: "Allow more access",
      };
    case "sign-in-again":
      if (server.sealedHeaders && !server.connection) {
        return {
          label: "key needed again",
          tone: "act",
          sentence: finding?.problem?.detail ?? "The server does not accept your key any more.",
          next: "key",
          button: "Enter key again",
        };
      }
      return {
        label: "sign in again",
        tone: "act",
        sentence: server.connection ? `Your access from ${signIn} has ended.` : "The server does not accept this access any more.",
        next: "again",
        button: "Sign in again",
      };
    case "unreachable":
      return { label: "unreachable", tone: "bad", sentence: finding?.problem?.detail ?? "The server cannot be reached.", next: "retry", button: "Try again" };
  }
}

/** The header that holds the key, by name. */
function keyName(server: Server): string {
  return server.headerNames?.join(", ") || "a header";
}
