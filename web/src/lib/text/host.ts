/** The host (and port) of a URL, or the text itself when it is none. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}

/** The part of a host that names whose it is, well enough to name a server after it. */
function siteOf(url: string): string {
  let host: string;
  try {
    host = new URL(url).hostname;
  } catch {
    return url;
  }
  if (isLoopback(host)) return "localhost";
  if (/^[\d.]+$/.test(host) || host.startsWith("[")) return host;
  const labels = host.split(".");
  const [second, top] = labels.slice(-2);
  const short = top?.length === 2 && second !== undefined && /^(?:ac|co|com|edu|gov|gob|ne|net|or|org)$/.test(second);
  return labels.slice(short ? -3 : -2).join(".");
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A name for a server that the user gave none: `mcp.linear.app` becomes `Linear`. */
export function nameFromUrl(url: string): string {
  let host: string;
  try {
    host = new URL(url).hostname;
  } catch {
    return url;
  }
  if (isLoopback(host) || /^[\d.]+$/.test(host) || host.startsWith("[")) return hostOf(url);
  const labels = host.split(".").filter((label) => !/^(?:www|mcp|api|app|server)$/.test(label));
  const site = siteOf(url).split(".")[0] ?? host;
  const label = labels.includes(site) ? site : (labels[0] ?? site);
  return label.charAt(0).toUpperCase() + label.slice(1);
}
