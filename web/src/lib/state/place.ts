import { isObject } from "../api/problem";

const key = "gatepass:place";

/** Where the reader was when a sign-in took the whole window, to go on there afterwards. */
export const place = {
  /** Remembers how far the page's scroller is down. */
  keep(): void {
    const scroller = document.querySelector("[data-keep-scroll]");
    if (!scroller) return;
    try {
      sessionStorage.setItem(key, JSON.stringify({ path: location.pathname, top: scroller.scrollTop }));
    } catch {
      // Without storage the reader begins where every reader does.
    }
  },

  /** How far down the reader was on this page, once; null if nobody left from here. */
  take(): number | null {
    try {
      const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
      if (!isObject(value) || value.path !== location.pathname || typeof value.top !== "number") return null;
      sessionStorage.removeItem(key);
      return value.top;
    } catch {
      return null;
    }
  },
};
