//! Where metadata documents are looked for.

use url::Url;

use crate::{issuer::Issuer, resource::ServerUrl};

/// The well-known URLs of protected resource metadata, best first: with the server's path
/// inserted, then at the root (RFC 9728 §3.1, MCP authorization).
pub fn resource_metadata_urls(server: &ServerUrl) -> Vec<Url> {
    const NAME: &str = "/.well-known/oauth-protected-resource";
    let mut candidates = Vec::new();
    let path = server.url().path().trim_end_matches('/');
    if !path.is_empty() || server.url().query().is_some() {
        let mut url = server.url().clone();
        url.set_path(&format!("{NAME}{path}"));
        candidates.push(url);
    }
    let mut root = server.url().clone();
    root.set_path(NAME);
    root.set_query(None);
    candidates.push(root);
    candidates
}

/// The well-known URLs of authorization server metadata, best first (MCP authorization,
/// Authorization Server Metadata Discovery). An issuer with a path never leads to the root
/// document, which belongs to another issuer.
pub fn server_metadata_urls(issuer: &Issuer) -> Vec<Url> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    let Ok(base) = Url::parse(issuer.as_str()) else {
        return Vec::new();
    };
    let path = base.path().trim_end_matches('/').to_owned();
    let paths = if path.is_empty() {
        vec![OAUTH.to_owned(), OPENID.to_owned()]
    } else {
        vec![
            format!("{OAUTH}{path}"),
            format!("{OPENID}{path}"),
            format!("{path}{OPENID}"),
        ]
    };
    paths
        .iter()
        .map(|path| {
            let mut url = base.clone();
            url.set_path(path);
            url
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url_policy::UrlPolicy;

    fn resource(url: &str) -> Vec<String> {
        let server = ServerUrl::parse(url, UrlPolicy::HttpsOnly).unwrap();
        strings(resource_metadata_urls(&server))
    }

    fn server(issuer: &str) -> Vec<String> {
        let issuer = Issuer::parse(issuer, UrlPolicy::HttpsOnly).unwrap();
        strings(server_metadata_urls(&issuer))
    }

    fn strings(urls: Vec<Url>) -> Vec<String> {
        urls.iter().map(Url::to_string).collect()
    }

    #[test]
    fn a_path_is_inserted_before_the_root_is_tried() {
        assert_eq!(
            resource("https://a.example/mcp/"),
            [
                "https://a.example/.well-known/oauth-protected-resource/mcp",
                "https://a.example/.well-known/oauth-protected-resource"
            ]
        );
        assert_eq!(
            resource("https://a.example"),
            ["https://a.example/.well-known/oauth-protected-resource"]
        );
        assert_eq!(
            resource("https://a.example/mcp?tenant=1")[0],
            "https://a.example/.well-known/oauth-protected-resource/mcp?tenant=1"
        );
    }

    #[test]
    fn an_issuer_with_a_path_has_three_places_and_never_the_root() {
        assert_eq!(
            server("https://a.example/tenant1/"),
            [
                "https://a.example/.well-known/oauth-authorization-server/tenant1",
                "https://a.example/.well-known/openid-configuration/tenant1",
                "https://a.example/tenant1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            server("https://a.example"),
            [
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
    }
}
