//! Arguments for a tool, made from its schema.

use gatepass_mcp::Tool;
use serde_json::{Map, Value, json};

/// The smallest arguments that a tool's schema allows: what it requires, with its defaults, first
/// choices and plain values. An object that is described as the schema of another tool is that
/// schema, as a reader of the description would have it.
pub(crate) fn of(schema: &Map<String, Value>, tools: &[Tool]) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|own| own.as_str() == Some(name)))
    };
    let mut arguments = Map::new();
    for (name, property) in properties.into_iter().flatten() {
        if is_required(name) {
            let described = described_schema(property, tools);
            arguments.insert(name.clone(), described.unwrap_or_else(|| value(property)));
        }
    }
    arguments
}

fn described_schema(property: &Value, tools: &[Tool]) -> Option<Value> {
    let description = property.get("description")?.as_str()?;
    if property.get("type")? != "object" || !description.to_lowercase().contains("schema") {
        return None;
    }
    let mut words = description.split(|c: char| !c.is_alphanumeric() && !"_-./".contains(c));
    let named = words.find_map(|word| {
        let word = word.trim_end_matches(['.', '/']);
        tools.iter().find(|tool| tool.name == word)
    })?;
    Some(Value::Object(named.input_schema.clone()))
}

/// A form's answers: every field, its default where it has one.
pub(crate) fn answers(schema: &Value) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), value(property)))
        .collect()
}

fn value(schema: &Value) -> Value {
    if let Some(default) = schema.get("default").or_else(|| schema.get("const")) {
        return default.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|choices| choices.get(0)) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => Value::Object(
            schema
                .as_object()
                .map(|schema| of(schema, &[]))
                .unwrap_or_default(),
        ),
        Some("null") => Value::Null,
        _ => json!("text"),
    }
}
