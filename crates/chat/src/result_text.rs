//! A tool's result as text for the model.

use serde_json::Value;

/// Most characters of one result that the model is told.
const MOST_CHARACTERS: usize = 40_000;

/// The text of a result: its text content, else its structured content. What is cut is said, so
/// that the model does not take a part for the whole.
pub fn result_text(output: &Value, is_error: bool) -> String {
    let content = output.get("content").and_then(Value::as_array);
    let mut texts: Vec<String> = content.into_iter().flatten().filter_map(block).collect();
    if texts.is_empty()
        && let Some(structured) = output.get("structuredContent").filter(|v| !v.is_null())
    {
        texts.push(structured.to_string());
    }
    let mut text = texts.join("\n");
    if text.is_empty() {
        text = "(no content)".to_owned();
    }
    if is_error {
        text = format!("The tool reports an error: {text}");
    }
    cut(text)
}

fn block(block: &Value) -> Option<String> {
    let member = |name: &str| block.get(name).and_then(Value::as_str);
    match member("type")? {
        "text" => member("text").map(str::to_owned),
        "resource" => {
            let resource = block.get("resource")?;
            let text = resource.get("text").and_then(Value::as_str);
            let uri = resource
                .get("uri")
                .and_then(Value::as_str)
                .unwrap_or_default();
            Some(text.map_or_else(|| format!("[resource {uri}]"), str::to_owned))
        }
        "resource_link" => member("uri").map(|uri| format!("[link to {uri}]")),
        other => Some(format!("[{other}, shown to the user]")),
    }
}

fn cut(text: String) -> String {
    let total = text.chars().count();
    if total <= MOST_CHARACTERS {
        return text;
    }
    let kept: String = text.chars().take(MOST_CHARACTERS).collect();
    format!(
        "{kept}\n[cut: the result has {total} characters, the first {MOST_CHARACTERS} are here]"
    )
}
