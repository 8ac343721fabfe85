//! Whether a sign-in happens on the server's own site: the same registrable domain by the Public
//! Suffix List. For a warning only; nothing is refused by it.

use mcp_oauth_client::Issuer;
use url::{Host, Url};

/// Whether an authorization server is on the same site as a server.
pub fn same(server: &Url, issuer: &Issuer) -> bool {
    let Ok(issuer) = Url::parse(issuer.as_str()) else {
        return false;
    };
    both(server, &issuer)
}

/// Whether two addresses are on one site.
pub fn both(one: &Url, other: &Url) -> bool {
    match (one.host(), other.host()) {
        (Some(one), Some(other)) => site(&one) == site(&other),
        _ => false,
    }
}

#[derive(PartialEq)]
enum Site {
    /// This machine, by whatever name.
    Loopback,
    /// An address, or a name that is itself a public suffix.
    Itself(String),
    /// A registrable domain.
    Domain(String),
}

fn site<S: AsRef<str> + ToString>(host: &Host<S>) -> Site {
    match host {
        Host::Ipv4(address) if address.is_loopback() => Site::Loopback,
        Host::Ipv6(address) if address.is_loopback() => Site::Loopback,
        Host::Domain(name) => {
            let name = name.as_ref().trim_end_matches('.').to_ascii_lowercase();
            if name == "localhost" || name.ends_with(".localhost") {
                return Site::Loopback;
            }
            match psl::domain_str(&name) {
                Some(domain) => Site::Domain(domain.to_owned()),
                None => Site::Itself(name),
            }
        }
        address => Site::Itself(address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth_client::UrlPolicy;

    use super::*;

    #[test]
    fn sites_are_registrable_domains() {
        for (server, issuer, expected) in [
            ("https://mcp.notion.com/mcp", "https://notion.com", true),
            ("https://mcp.notion.com/mcp", "https://notion.so", false),
            ("https://a.github.io/mcp", "https://b.github.io", false),
            ("https://a.co.uk/mcp", "https://b.co.uk", false),
            ("https://x.a.co.uk/mcp", "https://login.a.co.uk", true),
            (
                "https://MCP.Example.com./",
                "https://login.example.com",
                true,
            ),
            ("https://192.0.2.1/mcp", "https://192.0.2.1:8443", true),
            ("https://192.0.2.1/mcp", "https://192.0.2.2", false),
            ("https://intranet/mcp", "https://intranet:8443", true),
            ("https://intranet/mcp", "https://login", false),
            ("http://127.0.0.1:1/mcp", "http://localhost:2", true),
            ("http://localhost:1/mcp", "https://evil.example", false),
        ] {
            let server = Url::parse(server).unwrap();
            let issuer = Issuer::parse(issuer, UrlPolicy::AllowLoopbackHttp).unwrap();
            assert_eq!(same(&server, &issuer), expected, "{server} {issuer:?}");
        }
    }
}
