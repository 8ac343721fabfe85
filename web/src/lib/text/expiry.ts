const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

export interface ExpiryLabel {
  tone: "good" | "soon" | "over";
  text: string;
  /** What a pointer or a screen reader gets in addition. */
  title: string;
}

/** What the pill of a connection says at this moment. */
export function expiryLabel(connection: { expiresAt: number | null; refreshable: boolean }, now: number): ExpiryLabel {
  const { expiresAt, refreshable } = connection;
  if (refreshable) {
    return { tone: "good", text: "stays connected", title: "Access is renewed by itself whenever it runs out." };
  }
  if (expiresAt === null) {
    return { tone: "good", text: "connected", title: "The authorization server did not say how long this lasts." };
  }
  const left = expiresAt - now;
  const when = new Date(expiresAt).toLocaleString();
  if (left <= 0) return { tone: "over", text: "expired", title: `Access ended at ${when}.` };
  return {
    tone: left < 5 * minute ? "soon" : "good",
    text: `expires in ${remaining(left)}`,
    title: `Access ends at ${when}; then you sign in again.`,
  };
}

/** A duration in its largest unit, rounded down, never "0": 45 s, 42 min, 3 h, 6 days. */
export function remaining(millis: number): string {
  if (millis < minute) return `${Math.max(1, Math.floor(millis / second))} s`;
  if (millis < hour) return `${Math.floor(millis / minute)} min`;
  if (millis < day) return `${Math.floor(millis / hour)} h`;
  const days = Math.floor(millis / day);
  return days === 1 ? "1 day" : `${days} days`;
}

/** How long something took: 80 ms, 1.4 s, 2 min. */
export function took(millis: number): string {
  if (millis < second) return `${Math.round(millis)} ms`;
  if (millis < 10 * second) return `${(millis / second).toFixed(1)} s`;
  if (millis < minute) return `${Math.round(millis / second)} s`;
  return `${Math.round(millis / minute)} min`;
}
