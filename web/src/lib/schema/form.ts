import { isObject } from "../api/problem";
import type { Json, JsonObject } from "../api/types";

export type Kind = "text" | "number" | "integer" | "boolean" | "enum" | "array" | "object" | "json";

/** One field of a form that was made from a JSON schema. */
export interface Field {
  name: string;
  label: string;
  description: string;
  required: boolean;
  kind: Kind;
  /** For `enum`: the values, by their position. */
  options: Json[];
  /** For `array`: what each item is. */
  item: Field | null;
  /** For `object`: its fields. */
  fields: Field[];
  initial: Json | undefined;
  minimum: number | null;
  maximum: number | null;
  /** For `text`: whether it usually takes several lines. */
  long: boolean;
  /** For `text`: what kind of input helps on a phone. */
  input: "text" | "email" | "url" | "date";
}

/** What the inputs hold: text of inputs, ticks, items of lists, fields of groups. */
export type Entry = string | boolean | Entry[] | { [name: string]: Entry };

/** A schema nested deeper than this is entered as JSON. */
const deepest = 4;

/** The fields of a tool's input schema; null if its form cannot be made and JSON is typed instead. */
export function fieldsOf(schema: JsonObject): Field[] | null {
  const { type, properties } = schema;
  if (type !== undefined && type !== "object") return null;
  if (schema.oneOf !== undefined || schema.anyOf !== undefined || schema.allOf !== undefined || schema.$ref !== undefined) return null;
  if (properties === undefined) return schema.additionalProperties === undefined || schema.additionalProperties === false ? [] : null;
  if (!isObject(properties)) return null;
  return objectFields(schema, schema, 0);
}

function objectFields(schema: JsonObject, root: JsonObject, depth: number): Field[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(isObject(schema.properties) ? schema.properties : {}).map(([name, property]) =>
    fieldOf(name, property, required.includes(name), root, depth),
  );
}

function fieldOf(name: string, value: Json, required: boolean, root: JsonObject, depth: number): Field {
  const schema = nonNull(resolve(value, root));
  const field: Field = {
    name,
    label: typeof schema.title === "string" && schema.title !== "" ? schema.title : name,
    description: typeof schema.description === "string" ? schema.description : "",
    required,
    kind: "json",
    options: [],
    item: null,
    fields: [],
    initial: schema.default,
    minimum: typeof schema.minimum === "number" ? schema.minimum : null,
    maximum: typeof schema.maximum === "number" ? schema.maximum : null,
    long: false,
    input: "text",
  };
  if (schema.const !== undefined) return { ...field, kind: "enum", options: [schema.const], initial: schema.const };
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return { ...field, kind: "enum", options: schema.enum };
  switch (schema.type) {
    case "string":
      return { ...field, kind: "text", long: isLong(name, schema), input: inputOf(schema.format) };
    case "number":
    case "integer":
    case "boolean":
      return { ...field, kind: schema.type };
    case "array":
      if (!isObject(schema.items) || depth >= deepest) return field;
      return { ...field, kind: "array", item: fieldOf("", schema.items, true, root, depth + 1) };
    case "object":
      if (!isObject(schema.properties) || depth >= deepest) return field;
      return { ...field, kind: "object", fields: objectFields(schema, root, depth + 1) };
    default:
      return field;
  }
}

function resolve(value: Json, root: JsonObject): JsonObject {
  if (!isObject(value)) return {};
  const path = typeof value.$ref === "string" ? /^#\/(\$defs|definitions)\/([^/]+)$/.exec(value.$ref) : null;
  if (!path) return value;
  const definitions = root[path[1] ?? ""];
  const target = isObject(definitions) ? definitions[path[2] ?? ""] : undefined;
  return isObject(target) && target.$ref === undefined ? { ...target, ...value } : {};
}

/** `anyOf: [X, null]` and `type: [X, "null"]` are how generators write an optional X. */
function nonNull(schema: JsonObject): JsonObject {
  const list = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(list)) {
    const real = list.filter((entry) => !(isObject(entry) && entry.type === "null"));
    const only = real[0];
    return real.length === 1 && isObject(only) ? { ...only, ...schema, anyOf: [], oneOf: [] } : {};
  }
  if (Array.isArray(schema.type)) {
    const real = schema.type.filter((type) => type !== "null");
    return real.length === 1 && real[0] !== undefined ? { ...schema, type: real[0] } : { ...schema, type: null };
  }
  return schema;
}

function isLong(name: string, schema: JsonObject): boolean {
  if (typeof schema.maxLength === "number" && schema.maxLength <= 120) return false;
  return /^(?:text|body|content|message|prompt|markdown|html|code|sql|notes?|description)$/i.test(name);
}

function inputOf(format: Json | undefined): Field["input"] {
  return format === "email" ? "email" : format === "uri" || format === "url" ? "url" : format === "date" ? "date" : "text";
}

/** What a field's input holds before anybody typed. */
export function initialEntry(field: Field): Entry {
  const { initial } = field;
  switch (field.kind) {
    case "boolean":
      return initial === true;
    case "enum": {
      const at = field.options.findIndex((option) => JSON.stringify(option) === JSON.stringify(initial));
      return at < 0 ? "" : String(at);
    }
    case "array":
      return [];
    case "object":
      return Object.fromEntries(field.fields.map((inner) => [inner.name, initialEntry(inner)]));
    case "json":
      return initial === undefined ? "" : JSON.stringify(initial, null, 2);
    default:
      return initial === undefined || initial === null ? "" : String(initial);
  }
}

export type Reading = { ok: true; value: Json | undefined } | { ok: false; errors: Record<string, string> };

/** The arguments that a filled form means, or what is wrong with which field (by its path: `filter.tags.0`). */
export function readFields(fields: Field[], entries: { [name: string]: Entry }, prefix = ""): { ok: true; value: JsonObject } | { ok: false; errors: Record<string, string> } {
  const value: JsonObject = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const reading = readField(field, entries[field.name] ?? initialEntry(field), `${prefix}${field.name}`);
    if (!reading.ok) Object.assign(errors, reading.errors);
    else if (reading.value !== undefined) value[field.name] = reading.value;
  }
  return Object.keys(errors).length === 0 ? { ok: true, value } : { ok: false, errors };
}

function readField(field: Field, entry: Entry, path: string): Reading {
  const wrong = (text: string): Reading => ({ ok: false, errors: { [path]: text } });
  const fine = (value: Json | undefined): Reading => ({ ok: true, value });
  if (field.kind === "boolean") return fine(entry === true || field.required || field.initial !== undefined ? entry === true : undefined);
  if (field.kind === "array") return readItems(field, Array.isArray(entry) ? entry : [], path);
  if (field.kind === "object") {
    const group = typeof entry === "object" && !Array.isArray(entry) ? entry : {};
    const untouched = !field.required && JSON.stringify(group) === JSON.stringify(initialEntry(field));
    return untouched && !hasDefaults(field) ? fine(undefined) : readFields(field.fields, group, `${path}.`);
  }
  const text = typeof entry === "string" ? entry : "";
  if (text === "" || (field.kind !== "text" && text.trim() === "")) {
    return field.required ? wrong("This is required.") : fine(undefined);
  }
  if (field.kind === "text") return fine(text);
  if (field.kind === "enum") return fine(field.options[Number(text)]);
  if (field.kind === "json") {
    try {
      return fine(JSON.parse(text) as Json);
    } catch {
      return wrong("This is not valid JSON.");
    }
  }
  const number = Number(text);
  if (!Number.isFinite(number)) return wrong("This is not a number.");
  if (field.kind === "integer" && !Number.isInteger(number)) return wrong("This must be a whole number.");
  if (field.minimum !== null && number < field.minimum) return wrong(`This must be at least ${field.minimum}.`);
  if (field.maximum !== null && number > field.maximum) return wrong(`This must be at most ${field.maximum}.`);
  return fine(number);
}

function readItems(field: Field, entries: Entry[], path: string): Reading {
  if (entries.length === 0) return { ok: true, value: field.required ? [] : undefined };
  const values: Json[] = [];
  const errors: Record<string, string> = {};
  for (const [at, entry] of entries.entries()) {
    const reading = field.item ? readField(field.item, entry, `${path}.${at}`) : ({ ok: true, value: undefined } as const);
    if (!reading.ok) Object.assign(errors, reading.errors);
    else if (reading.value !== undefined) values.push(reading.value);
  }
  return Object.keys(errors).length === 0 ? { ok: true, value: values } : { ok: false, errors };
}

function hasDefaults(field: Field): boolean {
  return field.fields.some((inner) => inner.initial !== undefined);
}
