//! Arguments for a tool, made from its schema.

use serde_json::{Map, Value, json};

/// The smallest arguments that a schema allows: what it requires, with its defaults, first choices
/// and plain values.
pub(crate) fn of(schema: &Map<String, Value>) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|own| own.as_str() == Some(name)))
    };
    let mut arguments = Map::new();
    for (name, property) in properties.into_iter().flatten() {
        if is_required(name) {
            arguments.insert(name.clone(), value(property));
        }
    }
    arguments
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
        Some("object") => Value::Object(schema.as_object().map(of).unwrap_or_default()),
        Some("null") => Value::Null,
        _ => json!("text"),
    }
}
