//! Where a full-page flow comes back to: a page of ours and nothing else.

use serde::{Deserialize, Serialize};
use url::Url;

/// Longest path kept, in bytes: it travels in the flow's cookie.
const LONGEST: usize = 512;

/// A path with query on our own origin. Everything that a browser could read as another origin is
/// refused: `//host`, `/\host`, control characters, dot segments that leave `//` behind, and the
/// same written with percent signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

/// The text is not a path of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("returnTo must be a path on this origin, such as /c/123")]
pub struct NotAPath;

impl ReturnTo {
    /// The front page.
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// Reads a path; its fragment is dropped.
    pub fn parse(text: &str) -> Result<Self, NotAPath> {
        let text = text.split('#').next().unwrap_or_default();
        let harmless = text.len() <= LONGEST
            && text.starts_with('/')
            && !text.contains(['\\', '\u{fffd}'])
            && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if !harmless || hides_a_separator(text) {
            return Err(NotAPath);
        }
        let base = Url::parse("https://gatepass.invalid/").map_err(|_| NotAPath)?;
        let url = base.join(text).map_err(|_| NotAPath)?;
        if url.origin() != base.origin()
            || !url.username().is_empty()
            || url.path().starts_with("//")
            || url.path() == "/api"
            || url.path().starts_with("/api/")
        {
            return Err(NotAPath);
        }
        Ok(Self(match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the path part hides a slash, a backslash or a control character behind percent signs,
/// once or several times over, or has a percent sign that stands for nothing.
fn hides_a_separator(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    path.split('%').skip(1).any(|behind| {
        let byte = behind
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte < 0x20 || [0x7f, b'%', b'/', b'\\'].contains(&byte))
    })
}

impl TryFrom<String> for ReturnTo {
    type Error = NotAPath;

    fn try_from(text: String) -> Result<Self, NotAPath> {
        Self::parse(&text)
    }
}

impl From<ReturnTo> for String {
    fn from(path: ReturnTo) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_ours_are_kept_and_lose_their_fragment() {
        for (given, kept) in [
            ("/", "/"),
            ("/c/0193", "/c/0193"),
            ("/servers?add=1&next=//x", "/servers?add=1&next=//x"),
            ("/c/1#draft", "/c/1"),
            ("/a/./b/../c", "/a/c"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/a%20b", "/a%20b"),
        ] {
            assert_eq!(ReturnTo::parse(given).unwrap().as_str(), kept, "{given}");
        }
    }

    #[test]
    fn other_origins_are_refused_however_they_are_written() {
        for given in [
            "",
            "c/1",
            "https://evil.example/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /c",
            "/..//evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2fevil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%252fevil.example",
            "/%0d%0aSet-Cookie:x",
            "/%09/evil.example",
            "/%zz",
            "/%",
            "/%<",
            "/a%2",
            "javascript:alert(1)",
            "/api/mcp/oauth/callback?code=x",
            "/api",
            "#flow=1",
        ] {
            assert_eq!(ReturnTo::parse(given), Err(NotAPath), "{given:?}");
        }
        assert!(ReturnTo::parse(&format!("/{}", "a".repeat(600))).is_err());
    }

    proptest::proptest! {
        /// Whatever is accepted, a browser that follows it stays on our origin.
        #[test]
        fn what_is_accepted_stays_on_our_origin(text in "[/\\\\.%a-fA-F0-9:@?#\t\n ]{0,24}|/\\PC{0,24}") {
            if let Ok(path) = ReturnTo::parse(&text) {
                let base = Url::parse("https://chat.example/start/here?x#y").unwrap();
                let target = base.join(path.as_str()).unwrap();
                proptest::prop_assert_eq!(target.origin(), base.origin());
                let again = ReturnTo::parse(path.as_str()).unwrap();
                proptest::prop_assert_eq!(again, path);
            }
        }
    }
}
