use mcp_oauth_client::{AuthorizationServer, Issuer, ResourceMetadata, Scopes, UrlPolicy};
use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use super::{any_json, check, document};
use crate::support::*;

const RESOURCE_NAMES: &[&str] = &[
    "resource",
    "authorization_servers",
    "scopes_supported",
    "dpop_bound_access_tokens_required",
];
const SERVER_NAMES: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "scopes_supported",
    "authorization_response_iss_parameter_supported",
];
const VALUES: &[&str] = &[
    "https://mcp.example/mcp",
    "https://mcp.example",
    "https://as.example",
    "https://as.example/authorize",
    "http://as.example/token",
    "javascript:alert(1)",
    "https://user@as.example/x",
    r#"["https://as.example"]"#,
    r#"["https://as.example", 7, null, "http://x", ""]"#,
    r#"["S256"]"#,
    r#"["plain"]"#,
    "S256",
    "true",
    "",
];

proptest! {
    #[test]
    fn any_resource_metadata_is_judged(document in document(RESOURCE_NAMES, VALUES)) {
        check("resource_metadata", Value::Object(document).to_string().as_bytes());
    }

    #[test]
    fn any_server_metadata_is_judged(document in document(SERVER_NAMES, VALUES)) {
        check("server_metadata", Value::Object(document).to_string().as_bytes());
    }

    #[test]
    fn good_metadata_is_read_whatever_else_it_says(extra in any_json(), paths in ("[a-z0-9/._~-]{0,20}", "[a-z0-9/._~-]{0,20}")) {
        let authorize = format!("https://login.example/{}", paths.0);
        let token = format!("https://tokens.example/{}", paths.1);
        let mut metadata = server_metadata_with(json!({
            "authorization_endpoint": authorize,
            "token_endpoint": token,
        }));
        metadata["x_unheard_of"] = extra.clone();
        metadata["response_types_supported"] = extra.clone();
        let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
        let found = AuthorizationServer::validate(metadata.as_object().unwrap(), &issuer, UrlPolicy::HttpsOnly, false).unwrap();
        let parsed = |text: &str| url::Url::parse(text).unwrap();
        prop_assert_eq!(found.authorization_endpoint.url(), &parsed(&authorize));
        prop_assert_eq!(found.token_endpoint.url(), &parsed(&token));

        let document = json!({"resource": MCP, "authorization_servers": [AS], "x": extra});
        let found = ResourceMetadata::validate(document.as_object().unwrap(), &server(), UrlPolicy::HttpsOnly).unwrap();
        prop_assert_eq!(found.resource.as_str(), MCP);
    }

    #[test]
    fn an_issuer_that_differs_in_anything_is_another(
        at in 0..AS.len(),
        inserted in "[ -~]",
        replace in any::<bool>(),
    ) {
        let mut other = AS.to_owned();
        let end = if replace { at + 1 } else { at };
        other.replace_range(at..end, &inserted);
        prop_assume!(other != AS);
        let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
        let metadata = server_metadata_with(json!({"issuer": other}));
        prop_assert!(AuthorizationServer::validate(metadata.as_object().unwrap(), &issuer, UrlPolicy::HttpsOnly, true).is_err());
    }

    #[test]
    fn a_resource_of_another_origin_never_covers_a_server(host in "[a-z]{1,10}", port in 1_u16.., path in "[a-z/]{0,10}") {
        for resource in [
            format!("https://{host}.example.net/{path}"),
            format!("https://mcp.example.{host}/mcp"),
            format!("https://mcp.example:{port}/mcp"),
            format!("http://mcp.example/{path}"),
        ] {
            prop_assume!(!resource.contains(":443/"));
            let document = json!({"resource": resource, "authorization_servers": [AS]});
            prop_assert!(ResourceMetadata::validate(document.as_object().unwrap(), &server(), UrlPolicy::HttpsOnly).is_err(), "{}", resource);
        }
    }

    #[test]
    fn scopes_survive_being_written_and_read(words in collection::vec("[!#-\\[\\]-~]{1,12}", 0..30)) {
        let scopes: Scopes = words.iter().map(String::as_str).collect();
        prop_assert_eq!(Scopes::parse(&scopes.to_string()), scopes.clone());
        prop_assert!(scopes.union(&scopes) == scopes);
        prop_assert!(words.iter().all(|word| scopes.contains(word)));
    }

    #[test]
    fn a_union_covers_both_sides(ours in "[a-f ]{0,20}", theirs in "[d-k ]{0,20}") {
        let (ours, theirs) = (Scopes::parse(&ours), Scopes::parse(&theirs));
        let both = ours.union(&theirs);
        prop_assert!(both.covers(&ours) && both.covers(&theirs));
        prop_assert!(both.without(&ours).iter().all(|scope| theirs.contains(scope)));
    }
}
