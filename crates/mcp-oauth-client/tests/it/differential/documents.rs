use huskarl::{
    core::{
        OAuthError,
        resource_metadata::{ProtectedResourceMetadata, well_known_url},
        server_metadata::AuthorizationServerMetadata,
    },
    grant::core::RawTokenResponse,
    registration::{ClientInformationResponse, ClientSecretExpiry},
};
use mcp_oauth_client::{
    AuthorizationServer, Issuer, RegistrationKind, ResourceMetadata, Scopes, ServerUrl, TokenError,
    UrlPolicy, registration as registrations, token, well_known,
};
use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use crate::support::*;

fn response(status: u16, document: &Value) -> mcp_oauth_client::Response {
    http::Response::builder()
        .status(status)
        .body(bytes::Bytes::from(document.to_string()))
        .unwrap()
}

fn read_tokens(
    response: &mcp_oauth_client::Response,
) -> Result<mcp_oauth_client::Connection, TokenError> {
    let pending = begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    );
    let query = answer_to(&pending);
    token::process_exchange(&pending.validate(query, NOW).unwrap(), response, NOW)
}

fn texts<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    list.into_iter().map(str::to_owned).collect()
}

/// The reason a flag makes a member appear: `null` leaves it out, as most generators of such
/// documents do.
fn maybe(flag: bool, value: Value) -> Value {
    if flag { value } else { Value::Null }
}

proptest! {
    #[test]
    fn server_metadata_is_read_alike(
        host in "[a-z]{1,10}",
        path in "[a-z]{1,8}",
        query in "(\\?[a-z]=[a-z0-9%20]{0,3})?",
        scopes in collection::vec("[a-z:]{1,8}", 0..5),
        flags in any::<[bool; 4]>(),
    ) {
        let at = |name: &str| format!("https://{host}.example/{path}/{name}{query}");
        let document = json!({
            "issuer": AS,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "registration_endpoint": maybe(flags[0], at("register").into()),
            "revocation_endpoint": maybe(flags[1], at("revoke").into()),
            "code_challenge_methods_supported": ["plain", "S256"],
            "response_types_supported": ["code"],
            "scopes_supported": scopes,
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "authorization_response_iss_parameter_supported": flags[2],
            "client_id_metadata_document_supported": flags[3],
        });
        let theirs: AuthorizationServerMetadata = serde_json::from_value(document.clone()).unwrap();
        let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
        let ours = AuthorizationServer::validate(document.as_object().unwrap(), &issuer, UrlPolicy::HttpsOnly, false).unwrap();
        prop_assert_eq!(ours.issuer.as_str(), &theirs.issuer);
        prop_assert_eq!(ours.token_endpoint.to_string(), theirs.token_endpoint.to_string());
        let shown = |url: Option<String>| url;
        prop_assert_eq!(
            Some(ours.authorization_endpoint.to_string()),
            shown(theirs.authorization_endpoint.map(|url| url.to_string()))
        );
        prop_assert_eq!(
            ours.registration_endpoint.map(|url| url.to_string()),
            theirs.registration_endpoint.map(|url| url.to_string())
        );
        prop_assert_eq!(
            ours.revocation_endpoint.map(|url| url.to_string()),
            theirs.revocation_endpoint.map(|url| url.to_string())
        );
        prop_assert_eq!(ours.iss_in_responses, theirs.authorization_response_iss_parameter_supported);
        prop_assert_eq!(ours.client_id_metadata_documents, theirs.client_id_metadata_document_supported);
        prop_assert_eq!(ours.token_auth_methods.unwrap(), theirs.token_endpoint_auth_methods_supported);
        let scopes: Scopes = theirs.scopes_supported.iter().flatten().map(String::as_str).collect();
        prop_assert_eq!(ours.scopes_supported, scopes);
    }

    #[test]
    fn resource_metadata_is_read_alike(
        servers in collection::vec("https://[a-z]{1,10}\\.example(/[a-z]{1,5}/?)?", 1..5),
        scopes in collection::vec("[a-z:]{1,8}", 0..5),
    ) {
        let document = json!({"resource": MCP, "authorization_servers": servers, "scopes_supported": scopes});
        let theirs: ProtectedResourceMetadata = serde_json::from_value(document.clone()).unwrap();
        let ours = ResourceMetadata::validate(document.as_object().unwrap(), &server(), UrlPolicy::HttpsOnly).unwrap();
        prop_assert_eq!(ours.resource.as_str(), theirs.resource);
        let mut named = theirs.authorization_servers.unwrap_or_default();
        let mut seen = Vec::new();
        named.retain(|name| !seen.contains(name) && { seen.push(name.clone()); true });
        prop_assert_eq!(texts(ours.authorization_servers.iter().map(Issuer::as_str)), named);
        let scopes = theirs.scopes_supported.unwrap_or_default();
        prop_assert_eq!(ours.scopes_supported, scopes.iter().map(String::as_str).collect());
    }

    #[test]
    fn the_well_known_place_of_a_resource_is_the_same(path in "(/[a-z0-9._~-]{1,8}){1,3}/?", query in "(\\?[a-z]=[a-z]{0,5})?") {
        prop_assume!(!path.contains("/./") && !path.contains("/../") && !path.ends_with("/.") && !path.ends_with("/.."));
        let server = ServerUrl::parse(&format!("https://mcp.example{path}{query}"), UrlPolicy::HttpsOnly).unwrap();
        let theirs = well_known_url(server.as_str()).unwrap();
        let ours = well_known::resource_metadata_urls(&server);
        prop_assert_eq!(ours[0].as_str(), theirs.to_string());
    }

    #[test]
    fn a_registration_is_read_alike(
        id in "[!-~]{1,30}",
        secret in "[!-~]{1,30}",
        expires in prop_oneof![Just(0_i64), 1_900_000_000_i64..4_000_000_000],
        post in any::<bool>(),
    ) {
        let method = if post { "client_secret_post" } else { "client_secret_basic" };
        let document = json!({
            "client_id": id, "client_secret": secret, "client_secret_expires_at": expires,
            "token_endpoint_auth_method": method, "redirect_uris": [REDIRECT],
        });
        let theirs: ClientInformationResponse = serde_json::from_value(document.clone()).unwrap();
        let server = authorization_server(json!({}));
        let ours = registrations::process(&server, &response(201, &document), &settings(), NOW).unwrap();
        prop_assert_eq!(ours.client_id.as_str(), theirs.client_id);
        let secret = theirs.client_secret.unwrap();
        let our_secret = ours.client_secret.as_ref().unwrap();
        prop_assert_eq!(our_secret.expose(), secret.expose_secret());
        prop_assert_eq!(ours.secret_expires_at.is_none(), theirs.client_secret_expires_at == ClientSecretExpiry::NeverExpires);
        prop_assert_eq!(ours.auth_method.as_str(), method);
    }

    #[test]
    fn a_token_answer_is_read_alike(
        access in "[!-~]{1,40}",
        refresh in proptest::option::of("[!-~]{1,40}"),
        lifetime in prop_oneof![
            (1_u32..).prop_map(Value::from),
            (1_u32..).prop_map(|seconds| Value::from(seconds.to_string())),
            (1_u32..100_000).prop_map(|seconds| Value::from(f64::from(seconds) + 0.5)),
            Just(Value::Null),
        ],
        scope in proptest::option::of("[a-z:]{1,8}( [a-z:]{1,8}){0,3}"),
    ) {
        let document = json!({
            "access_token": access, "token_type": "bearer", "expires_in": lifetime,
            "refresh_token": refresh, "scope": scope,
        });
        let theirs: RawTokenResponse = serde_json::from_value(document.clone()).unwrap();
        let ours = read_tokens(&response(200, &document)).unwrap().tokens;
        prop_assert_eq!(ours.access_token.expose(), theirs.access_token.expose_secret());
        let our_refresh = ours.refresh_token.as_ref().map(|token| token.expose());
        prop_assert_eq!(our_refresh, theirs.refresh_token.as_ref().map(|token| token.expose_secret()));
        let lifetime = theirs.expires_in.map(std::time::Duration::from_secs);
        prop_assert_eq!(ours.expires_at, lifetime.map(|lifetime| NOW.after(lifetime)));
        if let Some(scope) = theirs.scope {
            prop_assert_eq!(ours.scopes, Scopes::parse(&scope));
        }
    }

    #[test]
    fn an_error_answer_is_read_alike(code in "[a-z_]{1,30}", description in proptest::option::of("[!-~]([ -~]{0,80}[!-~])?")) {
        let document = json!({"error": code, "error_description": description});
        let theirs: OAuthError = serde_json::from_value(document.clone()).unwrap();
        let TokenError::Refused { error, .. } = read_tokens(&response(400, &document)).unwrap_err() else {
            return Err(TestCaseError::fail("not a refusal"));
        };
        prop_assert_eq!(&error.code, theirs.code().as_str());
        prop_assert_eq!(error.description.as_deref(), theirs.description());
    }
}
