//! The origin that people open.

use std::fmt;

use url::Url;

/// Scheme, host and port at which browsers reach this server: a bare origin, https unless the
/// host is loopback. Our redirect URI and cookie names follow from it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Reads an origin; an ending slash is allowed, a path is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim())
            .map_err(|_| format!("“{text}” is not a URL such as https://chat.example.com"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(format!("“{text}” is not an http or https URL"));
        }
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(format!(
                "“{text}” must be a bare origin, such as {}: no path, query or user name",
                url.origin().ascii_serialization()
            ));
        }
        let public = Self(url);
        if !public.is_https() && !public.is_loopback() {
            return Err(format!(
                "“{text}” must use https: browsers send sign-in cookies and codes there, and only \
                 localhost is safe without it"
            ));
        }
        Ok(public)
    }

    /// `http://localhost:<port>`: what a personal install is opened at.
    pub fn localhost(port: u16) -> Self {
        let mut url = LOCALHOST.clone();
        // Cannot fail: the URL has a host.
        let _ = url.set_port(Some(port));
        Self(url)
    }

    /// The origin without an ending slash.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The absolute URL of one of our paths.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Where authorization servers send people back: exactly one URI for all of them.
    pub fn redirect_uri(&self) -> String {
        self.join("/api/mcp/oauth/callback")
    }

    /// Host and, if it is not the scheme's own, port: the value of a `Host` header.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the host is this very machine.
    pub fn is_loopback(&self) -> bool {
        mcp_oauth_client::url_policy::is_loopback(&self.0)
    }
}

#[expect(clippy::expect_used, reason = "a constant that a test reads")]
static LOCALHOST: std::sync::LazyLock<Url> =
    std::sync::LazyLock::new(|| Url::parse("http://localhost/").expect("a valid URL"));

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}
