import { isObject } from "../api/problem";
import type { Json, JsonObject } from "../api/types";

export type Kind = "text" | "number" | "integer" | "boolean" | "enum" | "choices" | "array" | "object" | "json";

/** One field of a form that was made from a JSON schema. */
export interface Field {
  name: string;
  label: string;
  description: string;
  required: boolean;
  kind: Kind;
  /** For `enum` and `choices` (several of them): the values, by their position. */
  options: Json[];
  /** What the options are called, where they have names of their own. */
  optionLabels: string[];
  /** For `array`: what each item is. */
  item: Field | null;
  /** For `object`: its fields. */
  fields: Field[];
  initial: Json | undefined;
  minimum: number | null;
  maximum: number | null;
  /** For `text`: the letters it needs and may have; for lists: the items. */
  least: number | null;
  most: number | null;
  /** For `text`: whether it usually takes several lines. */
  long: boolean;
  /** For `text`: what kind of input helps on a phone; what is typed must be such a thing. */
  input: "text" | "email" | "url" | "date" | "datetime-local";
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
  const resolved = resolve(value, root);
  const named = constants(resolved.oneOf ?? resolved.anyOf);
  const schema = named ? resolved : nonNull(resolved);
  const field: Field = {
    name,
    label: typeof schema.title === "string" && schema.title !== "" ? schema.title : name,
    description: typeof schema.description === "string" ? schema.description : "",
    required,
    kind: "json",
    options: [],
    optionLabels: [],
    item: null,
    fields: [],
    initial: schema.default,
    minimum: typeof schema.minimum === "number" ? schema.minimum : null,
    maximum: typeof schema.maximum === "number" ? schema.maximum : null,
    least: whole(schema.minLength ?? schema.minItems),
    most: whole(schema.maxLength ?? schema.maxItems),
    long: false,
    input: "text",
  };
  if (named) return { ...field, kind: "enum", ...named };
  if (schema.const !== undefined) return { ...field, kind: "enum", options: [schema.const], initial: schema.const };
  if (Array.isArray(schema.enum) && schema.enum.length > 0) {
    const names = Array.isArray(schema.enumNames) ? schema.enumNames : [];
    return { ...field, kind: "enum", options: schema.enum, optionLabels: names.map((name) => (typeof name === "string" ? name : "")) };
  }
  switch (schema.type) {
    case "string":
      return { ...field, kind: "text", long: isLong(name, schema), input: inputOf(schema.format) };
    case "number":
    case "integer":
    case "boolean":
      return { ...field, kind: schema.type };
    case "array":
      if (!isObject(schema.items) || depth >= deepest) return field;
      {
        const several = constants(schema.items.anyOf ?? schema.items.oneOf);
        if (several) return { ...field, kind: "choices", ...several };
        if (Array.isArray(schema.items.enum) && schema.items.enum.length > 0) return { ...field, kind: "choices", options: schema.items.enum };
      }
      return { ...field, kind: "array", item: fieldOf("", schema.items, true, root, depth + 1) };
    case "object":
      if (!isObject(schema.properties) || depth >= deepest) return field;
      return { ...field, kind: "object", fields: objectFields(schema, root, depth + 1) };
    default:
      return field;
  }
}

/** `[{const: 1, title: "One"}, …]` is how a schema gives its options names. */
function constants(list: Json | undefined): { options: Json[]; optionLabels: string[] } | null {
  if (!Array.isArray(list) || list.length === 0) return null;
  const options: Json[] = [];
  const optionLabels: string[] = [];
  for (const entry of list) {
    if (!isObject(entry) || entry.const === undefined) return null;
    options.push(entry.const);
    optionLabels.push(typeof entry.title === "string" ? entry.title : "");
  }
  return { options, optionLabels };
}

function whole(value: Json | undefined): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : null;
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
  return format === "email" ? "email" : format === "uri" || format === "url" ? "url" : format === "date" ? "date" : format === "date-time" ? "datetime-local" : "text";
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
    case "choices":
      return Array.isArray(initial) ? field.options.flatMap((option, at) => (initial.some((own) => JSON.stringify(own) === JSON.stringify(option)) ? [String(at)] : [])) : [];
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
  if (field.kind === "choices") {
    const chosen = (Array.isArray(entry) ? entry : []).flatMap((at) => field.options[Number(at)] ?? []);
    if (chosen.length === 0 && !field.required) return fine(undefined);
    if (chosen.length < (field.least ?? 0)) return wrong(`Choose at least ${field.least}.`);
    if (field.most !== null && chosen.length > field.most) return wrong(`Choose at most ${field.most}.`);
    return fine(chosen);
  }
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
  if (field.kind === "text") return typed(field, text, wrong);
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

/** Text that keeps what its schema says about its length and its form. */
function typed(field: Field, text: string, wrong: (why: string) => Reading): Reading {
  const letters = [...text].length;
  if (field.least !== null && letters < field.least) return wrong(`This needs at least ${field.least} characters.`);
  if (field.most !== null && letters > field.most) return wrong(`This may have at most ${field.most} characters.`);
  switch (field.input) {
    case "email":
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text) ? { ok: true, value: text } : wrong("This is not an e-mail address.");
    case "url":
      return URL.canParse(text) ? { ok: true, value: text } : wrong("This is not a URL.");
    case "date":
      return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) ? { ok: true, value: text } : wrong("This is not a date.");
    case "datetime-local": {
      const moment = Date.parse(text);
      return Number.isNaN(moment) ? wrong("This is not a date and time.") : { ok: true, value: new Date(moment).toISOString() };
    }
    default:
      return { ok: true, value: text };
  }
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
