import list from "./known-servers.json";

/** A public server that people often want. */
export interface KnownServer {
  name: string;
  url: string;
  description: string;
  /** Where its users register an app, if its sign-in does not let apps register by themselves. */
  clientAt?: string;
}

export const knownServers: KnownServer[] = list;
