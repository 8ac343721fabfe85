use mcp_oauth_client::{
    Actor, ClientAuthMethod, ClientId, GivenClient, Recovery, Registration, RegistrationError,
    RegistrationKind, Rung, Scopes, Secret, Timestamp,
    registration::{self, ladder},
};
use serde_json::{Value, json};

use crate::support::*;

const REGISTER: &str = "POST https://as.example/register";

async fn register(answer: Value) -> Result<Registration, RegistrationError> {
    let world = World::new();
    world.json(REGISTER, answer);
    let server = authorization_server(json!({}));
    let client = world.client();
    client
        .register(&server, &Scopes::parse("a b"))
        .await
        .map_err(|failed| failed.into_parts().0)
}

#[tokio::test]
async fn the_request_says_who_we_are() {
    let world = World::new();
    world.json(REGISTER, json!({"client_id": "x"}));
    let server = authorization_server(json!({}));
    world
        .client()
        .register(&server, &Scopes::parse("a b"))
        .await
        .unwrap();
    insta::assert_json_snapshot!(world.last().json(), @r#"
    {
      "client_name": "Gatepass",
      "redirect_uris": [
        "https://app.example/api/mcp/oauth/callback"
      ],
      "grant_types": [
        "authorization_code",
        "refresh_token"
      ],
      "response_types": [
        "code"
      ],
      "application_type": "web",
      "token_endpoint_auth_method": "none",
      "scope": "a b"
    }
    "#);
}

#[tokio::test]
async fn a_loopback_redirect_registers_as_a_native_application() {
    let world = World::new();
    world.json(REGISTER, json!({"client_id": "x"}));
    let mut settings = settings();
    settings.redirect_uri = "http://localhost:4283/cb".into();
    let server = authorization_server(json!({}));
    let client = world.client_with(settings);
    client.register(&server, &Scopes::none()).await.unwrap();
    assert_eq!(world.last().json()["application_type"], "native");
    assert_eq!(world.last().json().get("scope"), None);
}

#[tokio::test]
async fn an_answer_with_nulls_blanks_and_unknown_values_is_understood() {
    let registration = register(json!({
        "client_id": "x",
        "client_secret": null,
        "client_secret_expires_at": null,
        "logo_uri": null,
        "tos_uri": "",
        "redirect_uris": null,
        "token_endpoint_auth_method": null,
        "application_type": "unheard-of",
    }))
    .await
    .unwrap();
    assert_eq!(registration.auth_method, ClientAuthMethod::None);
    assert_eq!(registration.client_secret, None);
    assert_eq!(registration.redirect_uri, REDIRECT);
}

#[tokio::test]
async fn an_empty_or_blank_client_id_is_no_client_id() {
    for id in [json!(""), json!("   "), json!(null), json!(7)] {
        let error = register(json!({"client_id": id})).await.unwrap_err();
        assert!(matches!(error, RegistrationError::NotUnderstood { .. }));
    }
    assert!(ClientId::new(" \t\n").is_err());
    assert!(serde_json::from_str::<ClientId>("\"  \"").is_err());
    assert_eq!(ClientId::new(" abc\n").unwrap().as_str(), "abc");
}

#[tokio::test]
async fn what_the_server_says_counts_over_what_was_asked() {
    let registration = register(json!({
        "client_id": "x", "client_secret": "s", "token_endpoint_auth_method": "client_secret_post",
        "client_secret_expires_at": NOW.as_millis() / 1000 + 60,
    }))
    .await
    .unwrap();
    assert_eq!(registration.auth_method, ClientAuthMethod::ClientSecretPost);
    assert!(!registration.secret_expired(NOW));
    assert!(registration.secret_expired(Timestamp::from_millis(NOW.as_millis() + 60_000)));

    let beside_none = register(json!({
        "client_id": "x", "client_secret": "s", "token_endpoint_auth_method": "none",
        "client_secret_expires_at": 0,
    }))
    .await
    .unwrap();
    assert_eq!(beside_none.client_secret, None);
    assert_eq!(beside_none.secret_expires_at, None);

    let unnamed = register(json!({"client_id": "x", "client_secret": "s"}))
        .await
        .unwrap();
    assert_eq!(unnamed.auth_method, ClientAuthMethod::ClientSecretBasic);
}

#[test]
fn a_secret_without_a_method_is_no_use_where_only_public_clients_are_known() {
    let server = authorization_server(json!({"token_endpoint_auth_methods_supported": ["none"]}));
    let response = http::Response::builder()
        .status(201)
        .body(bytes::Bytes::from_static(
            br#"{"client_id":"x","client_secret":"s"}"#,
        ))
        .unwrap();
    let registration = registration::process(&server, &response, &settings(), NOW).unwrap();
    assert_eq!(registration.auth_method, ClientAuthMethod::None);
}

#[tokio::test]
async fn a_refusal_says_why_and_leaves_the_way_of_entering_a_client() {
    let world = World::new();
    world.text(
        REGISTER,
        403,
        "application/json",
        r#"{"error":"invalid_redirect_uri","error_description":"host not\u0007 trusted"}"#,
    );
    let server = authorization_server(json!({}));
    let failed = world
        .client()
        .register(&server, &Scopes::none())
        .await
        .unwrap_err();
    insta::assert_snapshot!(failed.to_string(), @"as.example refused to register this app: host not trusted (invalid_redirect_uri)");
    assert_eq!(failed.recovery(), Recovery::Reconfigure { who: Actor::You });
    assert_eq!(failed.report().steps[0].status, Some(403));

    world.text(REGISTER, 503, "text/html", "<html>");
    let failed = world
        .client()
        .register(&server, &Scopes::none())
        .await
        .unwrap_err();
    assert!(failed.recovery().is_temporary());
}

#[tokio::test]
async fn a_refusal_without_a_reason_is_told_by_its_status() {
    let world = World::new();
    world.text(REGISTER, 403, "text/html", "<html>no</html>");
    let server = authorization_server(json!({}));
    let client = world.client();
    let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
    insta::assert_snapshot!(failed, @"as.example refused to register this app (status 403)");
}

#[tokio::test]
async fn a_registration_is_not_sent_on_and_not_sent_where_there_is_no_place_for_it() {
    let world = World::new();
    world.text(REGISTER, 307, "text/plain", "");
    let server = authorization_server(json!({}));
    let client = world.client();
    let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
    assert_eq!(failed.recovery(), Recovery::Refuse);
    insta::assert_snapshot!(failed, @"as.example wanted to redirect the registration; it was not followed");

    let server = authorization_server(json!({"registration_endpoint": null}));
    let before = world.seen().len();
    let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
    assert_eq!(failed.recovery(), Recovery::Reconfigure { who: Actor::You });
    assert_eq!(world.seen().len(), before);
    insta::assert_snapshot!(failed, @"as.example does not register apps by itself: a client id must be entered");
}

#[test]
fn the_ladder_goes_from_preregistered_to_asking() {
    let given = GivenClient {
        client_key: None,
        client_id: ClientId::new("ours").unwrap(),
        client_secret: Some(Secret::new("s")),
        auth_method: None,
    };
    let mut settings = settings();
    settings.client_metadata_url = Some("https://app.example/oauth/client-metadata.json".into());
    let everything = authorization_server(json!({"client_id_metadata_document_supported": true}));

    let Rung::Ready(first) = ladder(&everything, Some(&given), &settings) else {
        panic!("not ready")
    };
    assert_eq!(first.kind, RegistrationKind::Preregistered);
    assert_eq!(first.auth_method, ClientAuthMethod::ClientSecretBasic);

    let Rung::Ready(second) = ladder(&everything, None, &settings) else {
        panic!("not ready")
    };
    assert_eq!(second.kind, RegistrationKind::MetadataDocument);
    assert_eq!(
        Some(second.client_id.to_string()),
        settings.client_metadata_url
    );

    let private = authorization_server(json!({
        "client_id_metadata_document_supported": true,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    }));
    assert!(matches!(ladder(&private, None, &settings), Rung::Dynamic));
    let unadvertised = authorization_server(json!({}));
    assert!(matches!(
        ladder(&unadvertised, None, &settings),
        Rung::Dynamic
    ));
    let neither = authorization_server(json!({"registration_endpoint": null}));
    assert!(matches!(
        ladder(&neither, None, &settings),
        Rung::ClientRequired
    ));
    let blank = authorization_server(json!({"registration_endpoint": ""}));
    assert!(matches!(
        ladder(&blank, None, &settings),
        Rung::ClientRequired
    ));
}

#[test]
fn a_document_is_only_used_at_a_url_that_may_be_a_client_id() {
    let server = authorization_server(json!({"client_id_metadata_document_supported": true}));
    for (url, used) in [
        ("https://app.example/oauth/client-metadata.json", true),
        ("https://app.example:8443/client", true),
        ("http://localhost:4283/oauth/client-metadata.json", false),
        ("https://app.example", false),
        ("https://app.example/", false),
        ("https://app.example/a/../client.json", false),
        ("https://app.example/client.json#x", false),
        ("https://user@app.example/client.json", false),
        ("client.json", false),
    ] {
        let mut settings = settings();
        settings.client_metadata_url = Some(url.to_owned());
        let rung = ladder(&server, None, &settings);
        assert_eq!(matches!(rung, Rung::Ready(_)), used, "{url}");
    }
}

#[test]
fn a_given_client_authenticates_by_a_method_the_server_lists() {
    let server = authorization_server(
        json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}),
    );
    let with_secret = |secret: Option<&str>| {
        let client = GivenClient {
            client_key: None,
            client_id: ClientId::new("x").unwrap(),
            client_secret: secret.map(Secret::new),
            auth_method: None,
        };
        registration::given(&client, &server, RegistrationKind::Manual, &settings())
    };
    assert_eq!(
        with_secret(Some("s")).auth_method,
        ClientAuthMethod::ClientSecretPost
    );
    assert_eq!(with_secret(Some("  ")).auth_method, ClientAuthMethod::None);
    assert_eq!(with_secret(Some("  ")).client_secret, None);
    assert_eq!(with_secret(None).auth_method, ClientAuthMethod::None);
}

#[test]
fn the_published_document_names_itself() {
    let url = "https://app.example/oauth/client-metadata.json";
    let document = registration::metadata_document_json(url, &settings());
    assert_eq!(document["client_id"], url);
    assert_eq!(document["token_endpoint_auth_method"], "none");
    assert_eq!(document["redirect_uris"], json!([REDIRECT]));
    assert_eq!(document.get("client_secret"), None);
}
