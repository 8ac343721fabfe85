//! Reading JSON documents from outside: bounded, and forgiving where servers are sloppy.

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value};

/// Why a body is no usable JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnObject {
    /// An HTML page stands where a document belongs: a login wall, a bot filter, a web app.
    #[error("an HTML page came instead of JSON")]
    Html,
    /// Nothing came.
    #[error("the answer is empty")]
    Empty,
    /// It is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// It is JSON, but not an object.
    #[error("the answer is JSON, but not an object")]
    NotObject,
    /// No document of the protocol is this large.
    #[error("the answer is larger than the {} KiB that are read", MOST_BYTES / 1024)]
    TooLarge,
}

/// Most bytes of a document. Transports bound what they read as well, per leg; this holds whatever
/// they do.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

/// Reads a body as a JSON object. The content type is a hint only, since many servers get it
/// wrong; size is bounded here, nesting by the parser.
pub(crate) fn object(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, NotAnObject> {
    if body.len() > MOST_BYTES {
        return Err(NotAnObject::TooLarge);
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(NotAnObject::NotObject),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err(NotAnObject::Empty),
        Err(_) if is_html(headers, body) => Err(NotAnObject::Html),
        Err(_) => Err(NotAnObject::NotJson),
    }
}

/// Whether a response is a page for people.
pub(crate) fn is_html(headers: &HeaderMap, body: &Bytes) -> bool {
    let named = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"));
    let head = body.trim_ascii_start();
    let head = &head[..head.len().min(15)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    named || head.starts_with("<!doctype html") || head.starts_with("<html")
}

/// A string member; `null`, blank and other types are absent.
pub(crate) fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    match map.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// A boolean member; `"true"` counts, everything else is false.
pub(crate) fn flag(map: &Map<String, Value>, name: &str) -> bool {
    match map.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A list of strings; a single string is a list of one, `null` is absent, other members of the
/// list are dropped.
pub(crate) fn list(map: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    const MOST: usize = 200;
    match map.get(name) {
        Some(Value::Array(values)) => Some(
            values
                .iter()
                .filter_map(Value::as_str)
                .take(MOST)
                .map(str::to_owned)
                .collect(),
        ),
        Some(Value::String(text)) if !text.trim().is_empty() => Some(vec![text.clone()]),
        _ => None,
    }
}

/// A whole number of seconds, also as a numeric string or a decimal; nothing for `null`, zero,
/// negative and unreadable values.
pub(crate) fn seconds(map: &Map<String, Value>, name: &str) -> Option<u64> {
    let seconds = match map.get(name) {
        Some(Value::Number(number)) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Some(Value::String(text)) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0)
}

fn whole(number: f64) -> Option<u64> {
    const CENTURY: f64 = 3.2e9;
    // In range by the test before it, so the cast neither wraps nor saturates.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie between zero and a century of seconds"
    )]
    (number.is_finite() && (0.0..CENTURY).contains(&number)).then_some(number as u64)
}

/// Text from outside made fit to show: control characters and bidirectional overrides dropped,
/// bounded in length.
pub(crate) fn showable(text: &str, most: usize) -> String {
    let clean = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    let mut shown: String = text.chars().filter(clean).take(most).collect();
    if text.chars().filter(clean).count() > most {
        shown.push('…');
    }
    shown.trim().to_owned()
}
