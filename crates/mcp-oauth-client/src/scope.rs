//! Scopes (RFC 6749 §3.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest list kept: more than any real consent asks for, little enough to show and to send.
const MOST_SCOPES: usize = 50;
/// Longest text of all scopes together, in bytes.
const MOST_BYTES: usize = 2048;

/// A set of scopes (RFC 6749 §3.3) in the order first seen; a scope is an opaque token and implies
/// nothing of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// No scopes: the `scope` parameter is left out.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads a space-separated list. Tokens with characters outside RFC 6749 §3.3 and everything
    /// past the bounds (50 scopes, 2,048 bytes) are dropped.
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// Whether every scope of `other` is in the set.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The union, ours first. Step-up (MCP, Step-Up Authorization Flow) asks for it, so that new
    /// access never costs old access.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// The scopes of the set that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.iter().filter(|scope| !other.contains(scope)).collect()
    }

    /// The scopes, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_scope_token(token: &str) -> bool {
    !token.is_empty()
        && token
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        let mut list: Vec<String> = Vec::new();
        let mut bytes = 0;
        for scope in scopes {
            if !is_scope_token(scope) || list.iter().any(|own| own == scope) {
                continue;
            }
            bytes += scope.len() + 1;
            if list.len() == MOST_SCOPES || bytes > MOST_BYTES {
                break;
            }
            list.push(scope.to_owned());
        }
        Self(list)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
