export type Route = { page: "chat"; conversation: string | null } | { page: "servers" } | { page: "unknown" };

/** The page that a path names. */
export function parsePath(path: string): Route {
  if (path === "/") return { page: "chat", conversation: null };
  if (path === "/servers") return { page: "servers" };
  const conversation = /^\/c\/([^/]+)$/.exec(path)?.[1];
  if (conversation === undefined) return { page: "unknown" };
  try {
    return { page: "chat", conversation: decodeURIComponent(conversation) };
  } catch {
    return { page: "unknown" };
  }
}

export const chatPath = (conversation: string | null) => (conversation === null ? "/" : `/c/${encodeURIComponent(conversation)}`);

class Router {
  route = $state.raw<Route>(parsePath(location.pathname));

  open(): void {
    addEventListener("popstate", () => {
      this.route = parsePath(location.pathname);
    });
    // One listener serves every link of the page; a modified click still opens a tab.
    document.addEventListener("click", (event) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = event.target instanceof Element ? event.target.closest("a") : null;
      if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
      if (parsePath(link.pathname).page === "unknown") return;
      event.preventDefault();
      this.go(link.pathname);
    });
  }

  go(path: string): void {
    if (path !== location.pathname) history.pushState(null, "", path);
    this.route = parsePath(path);
  }

  /** Changes the address without a step back in the history: a new chat got its id. */
  replace(path: string): void {
    history.replaceState(null, "", path);
    this.route = parsePath(path);
  }
}

export const router = new Router();
