//! `WWW-Authenticate` (RFC 9110 §11.6.1), read by grammar and forgiving where servers are sloppy.

use http::{HeaderMap, header::WWW_AUTHENTICATE};

use crate::scope::Scopes;

/// Most bytes read of all header lines together.
const MOST_BYTES: usize = 16 * 1024;
/// Most challenges, and most parameters of one, that are kept.
const MOST_ITEMS: usize = 32;

/// One challenge: a scheme with its parameters (RFC 9110 §11.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// Whether the scheme is `scheme`, case-insensitively (RFC 9110 §11.1).
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The scheme as it was written.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The `token68` form (RFC 9110 §11.2), as `Negotiate` uses it.
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// A parameter by its case-insensitive name; the first if a sloppy server repeats it, and
    /// nothing if it is empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Where the protected resource metadata is (RFC 9728 §5.1).
    pub fn resource_metadata(&self) -> Option<&str> {
        self.param("resource_metadata")
    }

    /// The scopes the server wants (RFC 6750 §3).
    pub fn scopes(&self) -> Scopes {
        self.param("scope").map(Scopes::parse).unwrap_or_default()
    }

    /// The error code (RFC 6750 §3.1): `invalid_token`, `insufficient_scope`, …
    pub fn error(&self) -> Option<&str> {
        self.param("error")
    }

    /// The server's explanation for developers (RFC 6750 §3). Data from outside: escape and bound
    /// it.
    pub fn error_description(&self) -> Option<&str> {
        self.param("error_description")
    }
}

/// All challenges of a response, of every header line (RFC 9110 §11.6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges(Vec<Challenge>);

impl Challenges {
    /// Reads every `WWW-Authenticate` line of a response (RFC 9110 §11.6.1).
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut challenges = Vec::new();
        let mut budget = MOST_BYTES;
        for line in headers.get_all(WWW_AUTHENTICATE) {
            let text = String::from_utf8_lossy(line.as_bytes());
            if text.len() > budget {
                break;
            }
            budget -= text.len();
            Parser::new(&text).run(&mut challenges);
        }
        Self(challenges)
    }

    /// Reads one header value.
    pub fn parse(value: &str) -> Self {
        let mut challenges = Vec::new();
        if value.len() <= MOST_BYTES {
            Parser::new(value).run(&mut challenges);
        }
        Self(challenges)
    }

    /// The challenge that asks for an OAuth token: the first `Bearer` (RFC 6750 §3), else the first
    /// `DPoP` (RFC 9449 §7.1).
    pub fn oauth(&self) -> Option<&Challenge> {
        self.get("bearer").or_else(|| self.get("dpop"))
    }

    /// The first `Bearer` challenge (RFC 6750 §3).
    pub fn bearer(&self) -> Option<&Challenge> {
        self.get("bearer")
    }

    /// The first challenge of a scheme.
    pub fn get(&self, scheme: &str) -> Option<&Challenge> {
        self.0.iter().find(|challenge| challenge.is(scheme))
    }

    /// Every challenge in order.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.0.iter()
    }

    /// Whether the response carried none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn run(&mut self, challenges: &mut Vec<Challenge>) {
        // Parameters belong to the last challenge of the same line only.
        let mut open = false;
        loop {
            self.skip(|c| c == ',' || c.is_ascii_whitespace());
            if self.rest.is_empty() || challenges.len() > MOST_ITEMS {
                return;
            }
            let word = self.take(is_tchar);
            if word.is_empty() {
                // Not grammar: drop the character and go on, so that one stray byte does not
                // cost the challenges behind it.
                self.rest = after_first_char(self.rest);
                continue;
            }
            if let Some(value) = self.param_value() {
                if open
                    && let Some(challenge) = challenges.last_mut()
                    && challenge.params.len() < MOST_ITEMS
                {
                    challenge.params.push((word.to_ascii_lowercase(), value));
                }
                continue;
            }
            let token68 = self.token68();
            challenges.push(Challenge {
                scheme: word.to_owned(),
                token68,
                params: Vec::new(),
            });
            open = true;
        }
    }

    /// The value behind `=`, if what follows the word just read makes it a parameter.
    fn param_value(&mut self) -> Option<String> {
        let rest = self.rest.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix('=')?;
        self.rest = rest.trim_start_matches([' ', '\t']);
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            return Some(self.quoted());
        }
        // A token by the grammar; in the field also bare URLs, so everything up to the comma.
        Some(
            self.take(|c| c != ',' && !c.is_ascii_whitespace())
                .to_owned(),
        )
    }

    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            if escaped {
                value.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                self.rest = &self.rest[at + 1..];
                return value;
            } else {
                value.push(c);
            }
        }
        self.rest = "";
        value
    }

    /// `token68` credentials right behind a scheme: only if nothing but a comma or the end
    /// follows, since `realm=x` begins the same way.
    fn token68(&mut self) -> Option<String> {
        let rest = self.rest.strip_prefix(' ')?.trim_start_matches(' ');
        let body = rest.trim_start_matches(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/')
        });
        if body.len() == rest.len() {
            return None;
        }
        let end = body.trim_start_matches('=');
        let behind = end.trim_start_matches([' ', '\t']);
        if !(behind.is_empty() || behind.starts_with(',')) {
            return None;
        }
        let value = &rest[..rest.len() - end.len()];
        self.rest = behind;
        Some(value.to_owned())
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self
            .rest
            .find(|c: char| !keep(c))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, drop: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(drop);
    }
}

fn after_first_char(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

fn is_tchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(value: &str) -> Challenge {
        Challenges::parse(value)
            .bearer()
            .expect("a challenge")
            .clone()
    }

    #[test]
    fn reads_a_quoted_resource_metadata_url_and_scopes() {
        let challenge = bearer(
            r#"Bearer realm="mcp", resource_metadata="https://a.example/.well-known/x?y=1,2", scope="read write""#,
        );
        assert_eq!(
            challenge.resource_metadata(),
            Some("https://a.example/.well-known/x?y=1,2")
        );
        assert_eq!(challenge.scopes().to_string(), "read write");
    }

    #[test]
    fn reads_an_unquoted_url() {
        let challenge =
            bearer("Bearer resource_metadata=https://a.example/x?a=b, error=invalid_token");
        assert_eq!(
            challenge.resource_metadata(),
            Some("https://a.example/x?a=b")
        );
        assert_eq!(challenge.error(), Some("invalid_token"));
    }

    #[test]
    fn finds_bearer_behind_other_schemes() {
        let all = Challenges::parse(
            r#"Negotiate abc==, Basic realm="a, b", bEaReR scope="x", Digest qop="auth""#,
        );
        assert_eq!(
            all.bearer().map(|c| c.scopes().to_string()).as_deref(),
            Some("x")
        );
        assert_eq!(
            all.get("negotiate").and_then(Challenge::token68),
            Some("abc==")
        );
        assert_eq!(all.iter().count(), 4);
    }

    #[test]
    fn reads_every_header_line() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=\"x\"".parse().unwrap());
        headers.append(
            WWW_AUTHENTICATE,
            "Bearer error=\"invalid_token\"".parse().unwrap(),
        );
        let all = Challenges::from_headers(&headers);
        assert_eq!(
            all.bearer().and_then(Challenge::error),
            Some("invalid_token")
        );
    }

    #[test]
    fn does_not_take_a_parameter_out_of_a_quoted_text_or_a_longer_name() {
        let challenge = bearer(
            r#"Bearer x_scope="admin", error_description="see resource_metadata=\"https://evil.example\"""#,
        );
        assert!(challenge.scopes().is_empty());
        assert_eq!(challenge.resource_metadata(), None);
        assert_eq!(
            challenge.error_description(),
            Some(r#"see resource_metadata="https://evil.example""#)
        );
    }

    #[test]
    fn a_bare_scheme_is_a_challenge() {
        assert_eq!(bearer("Bearer").params.len(), 0);
        assert!(Challenges::parse("").is_empty());
        assert_eq!(Challenges::parse("Bearer, Basic").iter().count(), 2);
    }

    #[test]
    fn spaces_around_equals_and_an_unclosed_quote_are_survived() {
        let challenge = bearer(r#"Bearer scope = "a b" , error = "inv"#);
        assert_eq!(challenge.scopes().to_string(), "a b");
        assert_eq!(challenge.error(), Some("inv"));
    }

    #[test]
    fn dpop_counts_as_an_oauth_challenge() {
        let all =
            Challenges::parse(r#"DPoP algs="ES256", resource_metadata="https://a.example/m""#);
        assert_eq!(
            all.oauth().and_then(Challenge::resource_metadata),
            Some("https://a.example/m")
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_bounded(text in "\\PC{0,400}") {
            let all = Challenges::parse(&text);
            prop_assert!(all.iter().count() <= MOST_ITEMS + 1);
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[ -~]{1,80}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let challenge = bearer(&format!("Bearer a=1, scope2=\"{quoted}\", b=2"));
            prop_assert_eq!(challenge.param("scope2"), Some(value.as_str()));
            prop_assert_eq!(challenge.param("b"), Some("2"));
        }
    }
}
