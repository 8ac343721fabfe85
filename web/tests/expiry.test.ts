import { describe, expect, it } from "vitest";
import { expiryLabel, remaining, took } from "../src/lib/text/expiry";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const now = Date.UTC(2026, 10, 23, 12);

describe("the pill of a connection", () => {
  const label = (left: number | null, refreshable = false) => expiryLabel({ expiresAt: left === null ? null : now + left, refreshable }, now);

  it.each([
    [42 * minute + 59 * second, "good", "expires in 42 min"],
    [5 * minute, "good", "expires in 5 min"],
    [5 * minute - 1, "soon", "expires in 4 min"],
    [1, "soon", "expires in 1 s"],
    [0, "over", "expired"],
    [-hour, "over", "expired"],
  ])("with %d ms left is %s: %s", (left, tone, text) => {
    expect(label(left)).toMatchObject({ tone, text });
  });

  it("promises no end where there is none to fear", () => {
    expect(label(10 * second, true).text).toBe("stays connected");
    expect(label(-hour, true).text).toBe("stays connected");
  });

  it("claims nothing when the server did not say how long", () => {
    const { text, tone, title } = label(null);
    expect({ text, tone }).toEqual({ text: "connected", tone: "good" });
    expect(title).toMatch(/did not say/);
  });
});

it.each([
  [0, "1 s"],
  [59_999, "59 s"],
  [minute, "1 min"],
  [hour - 1, "59 min"],
  [hour, "1 h"],
  [24 * hour, "1 day"],
  [71 * hour, "2 days"],
])("%d ms remain as %s, never more than is left", (millis, words) => {
  expect(remaining(millis)).toBe(words);
});

it.each([
  [0.4, "0 ms"],
  [83.6, "84 ms"],
  [1400, "1.4 s"],
  [12_400, "12 s"],
  [120_000, "2 min"],
])("%d ms took %s", (millis, words) => {
  expect(took(millis)).toBe(words);
});
