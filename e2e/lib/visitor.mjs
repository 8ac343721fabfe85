// A person without a browser: keeps cookies as a browser would and follows redirects one by one.

/** One cookie jar and the requests made with it. */
export class Visitor {
  #cookies = [];

  /** `fetch` with this visitor's cookies; redirects are not followed. */
  async fetch(url, init = {}) {
    const address = new URL(url);
    const headers = new Headers(init.headers);
    const cookie = this.#cookiesFor(address);
    if (cookie) {
      headers.set('cookie', cookie);
    }
    const response = await fetch(address, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      this.#keep(address, line);
    }
    return response;
  }

  /** POSTs JSON and returns `{status, headers, body}`, the body parsed. */
  async post(url, body, method = 'POST') {
    const response = await this.fetch(url, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return answer(response);
  }

  /** GETs JSON. */
  async get(url) {
    return answer(await this.fetch(url));
  }

  /** Follows redirects from `url` until an answer is none; returns it and every URL on the way. */
  async follow(url) {
    const visited = [];
    let next = url;
    while (visited.length < 20) {
      visited.push(next);
      const response = await this.fetch(next, { headers: { accept: 'text/html' } });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location) {
        return { response, visited, text: await response.text() };
      }
      await response.body?.cancel();
      next = new URL(location, next).href;
    }
    throw new Error(`redirected for ever: ${visited.join(' -> ')}`);
  }

  /** The names of the cookies kept for a host. */
  cookieNames(host) {
    return this.#cookies.filter((cookie) => cookie.host === host).map((cookie) => cookie.name);
  }

  #cookiesFor({ hostname, pathname }) {
    return this.#cookies
      .filter(({ host, path }) => host === hostname && `${pathname}/`.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  #keep({ hostname, pathname }, line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = split(pair);
    const named = new Map(attributes.map(split).map(([key, held]) => [key.toLowerCase(), held]));
    const path = named.get('path') ?? (pathname.slice(0, pathname.lastIndexOf('/')) || '/');
    this.#cookies = this.#cookies.filter(
      (cookie) => cookie.name !== name || cookie.host !== hostname || cookie.path !== path,
    );
    const gone = Number(named.get('max-age') ?? 1) <= 0 || Date.parse(named.get('expires') ?? '') < Date.now();
    if (!gone) {
      this.#cookies.push({ name, value, path, host: hostname });
    }
  }
}

async function answer(response) {
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

function split(pair) {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}
