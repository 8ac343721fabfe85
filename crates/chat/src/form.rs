//! Checks an answer to a server's form (MCP Elicitation: a flat object of primitive fields).

use serde_json::{Map, Value};

/// Most bytes of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// Whether content fits a form's schema; if not, what is wrong, in a sentence. Keywords that forms
/// do not have are left to the server, which checks again.
pub fn check(schema: &Value, content: Option<&Map<String, Value>>) -> Result<(), String> {
    let none = Map::new();
    let content = content.unwrap_or(&none);
    let size: usize = content
        .iter()
        .map(|(name, value)| name.len() + value.to_string().len())
        .sum();
    if size > MOST_BYTES {
        return Err(format!(
            "The answer is longer than {} KiB.",
            MOST_BYTES / 1024
        ));
    }
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields.unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if content.get(name).is_none_or(Value::is_null) {
            return Err(format!("“{}” must be filled in.", label(fields, name)));
        }
    }
    for (name, value) in content {
        let Some(field) = fields.get(name) else {
            return Err(format!("“{}” was not asked for.", short(name)));
        };
        fits(field, value).map_err(|what| format!("“{}” {what}.", label(fields, name)))?;
    }
    Ok(())
}

fn label(fields: &Map<String, Value>, name: &str) -> String {
    let title = fields.get(name).and_then(|field| field.get("title"));
    short(title.and_then(Value::as_str).unwrap_or(name))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn fits(field: &Value, value: &Value) -> Result<(), String> {
    let kind = field.get("type").and_then(Value::as_str);
    match kind {
        Some("string") => string(field, value),
        Some("integer") => {
            let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
            whole.then_some(()).ok_or("must be a whole number")?;
            number(field, value)
        }
        Some("number") => number(field, value),
        Some("boolean") => Ok(value.as_bool().map(|_| ()).ok_or("must be yes or no")?),
        Some("array") => array(field, value),
        _ => Ok(()),
    }
}

/// The values a field may have: `enum`, or `const` of each of `oneOf` or `anyOf`.
fn choices(field: &Value) -> Option<Vec<&Value>> {
    let list = |name: &str| field.get(name).and_then(Value::as_array);
    if let Some(plain) = list("enum") {
        return Some(plain.iter().collect());
    }
    let titled = list("oneOf").or_else(|| list("anyOf"))?;
    titled.iter().map(|choice| choice.get("const")).collect()
}

fn chosen(field: &Value, value: &Value) -> Result<(), String> {
    match choices(field) {
        Some(choices) if !choices.contains(&value) => {
            Err("must be one of the choices offered".to_owned())
        }
        _ => Ok(()),
    }
}

fn bound(field: &Value, name: &str) -> Option<f64> {
    field.get(name).and_then(Value::as_f64)
}

fn string(field: &Value, value: &Value) -> Result<(), String> {
    let text = value.as_str().ok_or("must be text")?;
    let length = text.chars().count() as f64;
    if bound(field, "minLength").is_some_and(|least| length < least) {
        return Err("is too short".to_owned());
    }
    if bound(field, "maxLength").is_some_and(|most| length > most) {
        return Err("is too long".to_owned());
    }
    let sound = match field.get("format").and_then(Value::as_str) {
        Some("email") => text
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()),
        Some("uri") => url::Url::parse(text).is_ok(),
        Some("date") => is_date(text),
        Some("date-time") => text
            .split_once(['T', 't', ' '])
            .is_some_and(|(date, time)| is_date(date) && time.len() >= 5),
        _ => true,
    };
    if !sound {
        let format = field.get("format").and_then(Value::as_str);
        return Err(format!(
            "must be of the form “{}”",
            format.unwrap_or_default()
        ));
    }
    chosen(field, value)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, digits: usize, range: std::ops::RangeInclusive<u32>| {
        parts
            .get(at)
            .filter(|part| part.len() == digits)
            .and_then(|part| part.parse().ok())
            .is_some_and(|n| range.contains(&n))
    };
    parts.len() == 3 && number(0, 4, 0..=9999) && number(1, 2, 1..=12) && number(2, 2, 1..=31)
}

fn number(field: &Value, value: &Value) -> Result<(), String> {
    let number = value.as_f64().ok_or("must be a number")?;
    if let Some(least) = bound(field, "minimum").filter(|least| number < *least) {
        return Err(format!("must be at least {least}"));
    }
    if let Some(most) = bound(field, "maximum").filter(|most| number > *most) {
        return Err(format!("must be at most {most}"));
    }
    Ok(())
}

fn array(field: &Value, value: &Value) -> Result<(), String> {
    let items = value.as_array().ok_or("must be a list")?;
    let count = items.len() as f64;
    if bound(field, "minItems").is_some_and(|least| count < least) {
        return Err("has too few choices".to_owned());
    }
    if bound(field, "maxItems").is_some_and(|most| count > most) {
        return Err("has too many choices".to_owned());
    }
    let of = field.get("items").unwrap_or(&Value::Null);
    items.iter().try_for_each(|item| chosen(of, item))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_is_held_to_the_form() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "title": "Your name", "minLength": 2, "maxLength": 5},
                "age": {"type": "integer", "minimum": 18, "maximum": 99},
                "mail": {"type": "string", "format": "email"},
                "day": {"type": "string", "format": "date"},
                "size": {"type": "string", "enum": ["s", "m"]},
                "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}]},
                "many": {"type": "array", "maxItems": 2, "items": {"enum": ["a", "b", "c"]}},
                "yes": {"type": "boolean"},
            },
            "required": ["name"],
        });
        let table = [
            (json!({"name": "Ada"}), ""),
            (
                json!({"name": "Ada", "age": 36, "size": "s", "colour": "r", "many": ["a"], "yes": false, "mail": "a@b", "day": "2026-11-23"}),
                "",
            ),
            (json!({}), "“Your name” must be filled in."),
            (json!({"name": null}), "“Your name” must be filled in."),
            (json!({"name": 7}), "“Your name” must be text."),
            (json!({"name": "A"}), "“Your name” is too short."),
            (json!({"name": "Adalove"}), "“Your name” is too long."),
            (
                json!({"name": "Ada", "age": 36.5}),
                "“age” must be a whole number.",
            ),
            (
                json!({"name": "Ada", "age": "36"}),
                "“age” must be a whole number.",
            ),
            (
                json!({"name": "Ada", "age": 3}),
                "“age” must be at least 18.",
            ),
            (
                json!({"name": "Ada", "mail": "ada"}),
                "“mail” must be of the form “email”.",
            ),
            (
                json!({"name": "Ada", "day": "2026-13-01"}),
                "“day” must be of the form “date”.",
            ),
            (
                json!({"name": "Ada", "size": "xl"}),
                "“size” must be one of the choices offered.",
            ),
            (
                json!({"name": "Ada", "colour": "Red"}),
                "“colour” must be one of the choices offered.",
            ),
            (
                json!({"name": "Ada", "many": ["a", "b", "c"]}),
                "“many” has too many choices.",
            ),
            (
                json!({"name": "Ada", "many": ["x"]}),
                "“many” must be one of the choices offered.",
            ),
            (
                json!({"name": "Ada", "yes": "yes"}),
                "“yes” must be yes or no.",
            ),
            (
                json!({"name": "Ada", "more": 1}),
                "“more” was not asked for.",
            ),
            (
                json!({"name": "Ada", "more": "x".repeat(70_000)}),
                "The answer is longer than 64 KiB.",
            ),
        ];
        for (content, said) in table {
            let found = check(&schema, content.as_object())
                .err()
                .unwrap_or_default();
            assert_eq!(found, said, "{content}");
        }
    }
}
