import { describe, expect, it } from "vitest";
import type { JsonObject } from "../src/lib/api/types";
import { fieldsOf, initialEntry, readFields, type Entry } from "../src/lib/schema/form";

const form = (properties: JsonObject, required: string[] = [], more: JsonObject = {}) =>
  fieldsOf({ type: "object", properties, required, ...more }) ?? [];

const read = (properties: JsonObject, entries: { [name: string]: Entry }, required: string[] = []) => readFields(form(properties, required), entries);

describe("a tool's schema becomes a form", () => {
  it.each<[string, JsonObject, string]>([
    ["text", { type: "string" }, "text"],
    ["a number", { type: "number" }, "number"],
    ["a whole number", { type: "integer" }, "integer"],
    ["a tick", { type: "boolean" }, "boolean"],
    ["a choice", { enum: ["a", 2, null] }, "enum"],
    ["a choice of one", { const: "a" }, "enum"],
    ["a list", { type: "array", items: { type: "string" } }, "array"],
    ["a group", { type: "object", properties: { a: { type: "string" } } }, "object"],
    ["a free object", { type: "object" }, "json"],
    ["a list of anything", { type: "array" }, "json"],
    ["several types", { type: ["string", "number"] }, "json"],
    ["nothing said", {}, "json"],
    ["an optional text by type", { type: ["string", "null"] }, "text"],
    ["an optional text by choice", { anyOf: [{ type: "string" }, { type: "null" }] }, "text"],
    ["one of several forms", { oneOf: [{ type: "string" }, { type: "number" }] }, "json"],
  ])("%s", (_, schema, kind) => {
    expect(form({ a: schema })[0]?.kind).toBe(kind);
  });

  it("with the words of the schema", () => {
    expect(form({ q: { type: "string", title: "Query", description: "What to look for", format: "email" } }, ["q"])[0]).toMatchObject({
      name: "q",
      label: "Query",
      description: "What to look for",
      required: true,
      input: "email",
    });
  });

  it("through references within the schema", () => {
    const fields = form({ a: { $ref: "#/$defs/level" }, b: { $ref: "https://elsewhere.example/x" } }, [], { $defs: { level: { enum: ["low", "high"] } } });
    expect(fields.map(({ kind }) => kind)).toEqual(["enum", "json"]);
  });

  it("without drowning in one that contains itself", () => {
    const fields = form({ node: { $ref: "#/$defs/node" } }, [], { $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } } });
    expect(JSON.stringify(fields).length).toBeLessThan(10_000);
  });

  it("that is empty where a tool takes nothing, and none where the schema is no group", () => {
    expect(fieldsOf({ type: "object" })).toEqual([]);
    expect(fieldsOf({ type: "string" })).toBeNull();
    expect(fieldsOf({ type: "object", oneOf: [] })).toBeNull();
    expect(fieldsOf({ type: "object", additionalProperties: { type: "string" } })).toBeNull();
  });
});

describe("a filled form becomes arguments", () => {
  it("of the right types, without what was left empty", () => {
    const properties: JsonObject = {
      text: { type: "string" },
      ratio: { type: "number" },
      count: { type: "integer" },
      sure: { type: "boolean" },
      level: { enum: ["low", 2] },
      tags: { type: "array", items: { type: "string" } },
      filter: { type: "object", properties: { from: { type: "string" }, limit: { type: "integer" } } },
      raw: {},
      left: { type: "string" },
      empty: { type: "integer" },
    };
    expect(
      read(properties, { text: " a ", ratio: "1.5", count: "-3", sure: true, level: "1", tags: ["x", "y"], filter: { from: "", limit: "7" }, raw: '{"a": [1]}', left: "", empty: "" }),
    ).toEqual({ ok: true, value: { text: " a ", ratio: 1.5, count: -3, sure: true, level: 2, tags: ["x", "y"], filter: { limit: 7 }, raw: { a: [1] } } });
  });

  it("with the schema's own defaults where nobody typed", () => {
    const properties: JsonObject = { text: { type: "string", default: "hi" }, sure: { type: "boolean", default: true }, level: { enum: ["low", "high"], default: "high" } };
    const entries = Object.fromEntries(form(properties).map((field) => [field.name, initialEntry(field)]));
    expect(read(properties, entries)).toEqual({ ok: true, value: { text: "hi", sure: true, level: "high" } });
  });

  it.each<[string, JsonObject, Entry, RegExp]>([
    ["left out though required", { type: "string" }, "", /required/],
    ["no number", { type: "number" }, "many", /not a number/],
    ["endless", { type: "number" }, "Infinity", /not a number/],
    ["half where whole is wanted", { type: "integer" }, "1.5", /whole number/],
    ["too small", { type: "integer", minimum: 1 }, "0", /at least 1/],
    ["too large", { type: "number", maximum: 10 }, "10.5", /at most 10/],
    ["half a JSON", {}, "{", /not valid JSON/],
  ])("refuses what is %s, at the field", (_, schema, entry, words) => {
    const reading = read({ a: schema }, { a: entry }, ["a"]);
    expect(reading).toEqual({ ok: false, errors: { a: expect.stringMatching(words) } });
  });

  it("names the place of a mistake inside lists and groups", () => {
    const properties: JsonObject = {
      list: { type: "array", items: { type: "integer" } },
      group: { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
    };
    expect(read(properties, { list: ["1", "x"], group: { a: "" } }, ["group"])).toEqual({
      ok: false,
      errors: { "list.1": expect.any(String), "group.a": expect.any(String) },
    });
  });

  it("does not ask for the fields of a group that was left alone", () => {
    const properties: JsonObject = { group: { type: "object", properties: { a: { type: "string" } }, required: ["a"] } };
    expect(read(properties, {})).toEqual({ ok: true, value: {} });
  });
});

describe("a server's question", () => {
  const schema = {
    type: "object",
    properties: {
      mail: { type: "string", format: "email" },
      site: { type: "string", format: "uri" },
      day: { type: "string", format: "date" },
      moment: { type: "string", format: "date-time" },
      nick: { type: "string", minLength: 2, maxLength: 4 },
      count: { type: "integer", minimum: 1, maximum: 9 },
      share: { type: "number" },
      sure: { type: "boolean", default: true },
      plain: { type: "string", enum: ["a", "b"] },
      named: { type: "string", enum: ["r", "g"], enumNames: ["Red", "Green"] },
      titled: { type: "string", oneOf: [{ const: "s", title: "Small" }, { const: "l", title: "Large" }], default: "l" },
      several: { type: "array", items: { type: "string", enum: ["x", "y", "z"] }, minItems: 1, maxItems: 2, default: ["y"] },
      severalTitled: { type: "array", items: { anyOf: [{ const: "1", title: "One" }, { const: "2", title: "Two" }] } },
    },
    required: ["mail"],
  };
  const fields = fieldsOf(schema) ?? [];

  it("becomes a field of every kind, with the names of its options", () => {
    expect(fields.map(({ name, kind, input }) => `${name} ${kind}${kind === "text" ? ` ${input}` : ""}`)).toEqual([
      "mail text email", "site text url", "day text date", "moment text datetime-local", "nick text text", "count integer", "share number",
      "sure boolean", "plain enum", "named enum", "titled enum", "several choices", "severalTitled choices",
    ]);
    expect(fields.find(({ name }) => name === "named")?.optionLabels).toEqual(["Red", "Green"]);
    expect(fields.find(({ name }) => name === "titled")).toMatchObject({ options: ["s", "l"], optionLabels: ["Small", "Large"] });
  });

  it("is answered with its defaults and what was entered", () => {
    const entries = { mail: "ada@example.org", site: "https://a.example/", day: "2026-11-23", moment: "2026-11-23T12:00:00Z", nick: "Ada", count: "3", share: "0.5", plain: "1", severalTitled: ["1", "0"] };
    expect(readFields(fields, entries)).toEqual({
      ok: true,
      value: {
        mail: "ada@example.org", site: "https://a.example/", day: "2026-11-23", moment: "2026-11-23T12:00:00.000Z", nick: "Ada", count: 3, share: 0.5,
        sure: true, plain: "b", titled: "l", several: ["y"], severalTitled: ["2", "1"],
      },
    });
  });

  it.each([
    [{ mail: "" }, "mail", "This is required."],
    [{ mail: "ada" }, "mail", "This is not an e-mail address."],
    [{ site: "not a url" }, "site", "This is not a URL."],
    [{ day: "2026-13-45" }, "day", "This is not a date."],
    [{ moment: "soon" }, "moment", "This is not a date and time."],
    [{ nick: "A" }, "nick", "This needs at least 2 characters."],
    [{ nick: "Adele" }, "nick", "This may have at most 4 characters."],
    [{ count: "0" }, "count", "This must be at least 1."],
    [{ count: "1.5" }, "count", "This must be a whole number."],
    [{ share: "half" }, "share", "This is not a number."],
    [{ several: ["0", "1", "2"] }, "several", "Choose at most 2."],
  ])("%j is told where it was entered", (entered, field, error) => {
    expect(readFields(fields, { mail: "ada@example.org", ...entered })).toEqual({ ok: false, errors: { [field]: error } });
  });
});
