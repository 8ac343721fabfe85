//! Error answers of authorization servers (RFC 6749 §4.1.2.1 and §5.2).

use serde_json::{Map, Value};

use crate::json;

/// An error an authorization server named (RFC 6749 §5.2). Its texts come from outside: they are
/// bounded and freed of control characters, and must still be escaped where they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// The error code, such as `invalid_grant`.
    pub code: String,
    /// The server's explanation, if it gave one.
    pub description: Option<String>,
}

impl OAuthError {
    /// An error of a code with an optional explanation, both from outside.
    pub fn new(code: &str, description: Option<&str>) -> Self {
        Self {
            code: json::showable(code, 64),
            description: description
                .map(|text| json::showable(text, 300))
                .filter(|text| !text.is_empty()),
        }
    }

    /// The error member of a JSON answer; servers are seen to send it as a string, an object
    /// with `code` or `message`, or a list.
    pub(crate) fn from_json(document: &Map<String, Value>) -> Option<Self> {
        let description =
            json::text(document, "error_description").or_else(|| json::text(document, "message"));
        match document.get("error")? {
            Value::String(code) if !code.trim().is_empty() => {
                Some(Self::new(code, description.as_deref()))
            }
            Value::Object(inner) => {
                let code = json::text(inner, "code")
                    .or_else(|| json::text(inner, "type"))
                    .unwrap_or_else(|| "error".to_owned());
                let text = json::text(inner, "message").or(description);
                Some(Self::new(&code, text.as_deref()))
            }
            Value::Array(list) => {
                let code = list.iter().find_map(Value::as_str).unwrap_or("error");
                Some(Self::new(code, description.as_deref()))
            }
            _ => None,
        }
    }

    /// Whether the code is `code`.
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

impl OAuthError {
    /// What a sentence about a refusal ends with: the server's words and the code, or the code.
    pub(crate) fn because(&self) -> String {
        match &self.description {
            Some(description) => {
                let words = description.trim_end_matches('.');
                format!(": {words} ({})", self.code)
            }
            None => format!(" ({})", self.code),
        }
    }
}

impl std::fmt::Display for OAuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{} ({description})", self.code),
            None => f.write_str(&self.code),
        }
    }
}
