/** The host (and port) of a URL, or the text itself when it is none. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}

/**
 * Whether two URLs belong to the same site, as far as a page can tell without the public suffix list: the same last
 * two labels, or three below a short second-level such as `co.uk`. Used for a warning only, never for a decision.
 */
export function sameSite(a: string, b: string): boolean {
  return siteOf(a) === siteOf(b);
}

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
