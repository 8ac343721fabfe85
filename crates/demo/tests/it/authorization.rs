//! From metadata to code: what is accepted, what is refused and how.

use gatepass_demo::{
    Decision, Person,
    behaviour::{AutoDecision, ClientMetadataDocuments, Iss, StateAnswer},
};
use serde_json::json;

use crate::client::{
    CALLBACK, authorization_url, code, endpoint, exchange, get, parameter, post_json, register,
    registration, start,
};

#[tokio::test]
async fn metadata_names_everything_a_client_needs() {
    let demo = start().await;
    let url = format!("{}/.well-known/oauth-authorization-server", demo.origin());
    let text = get(&url).await.text().replace(demo.origin(), "ORIGIN");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_json_snapshot!(document, @r#"
    {
      "issuer": "ORIGIN",
      "authorization_endpoint": "ORIGIN/as/authorize",
      "token_endpoint": "ORIGIN/as/token",
      "registration_endpoint": "ORIGIN/as/register",
      "revocation_endpoint": "ORIGIN/as/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post"
      ],
      "scopes_supported": [
        "tools",
        "notes:read",
        "notes:write"
      ],
      "response_types_supported": [
        "code"
      ],
      "response_modes_supported": [
        "query"
      ],
      "grant_types_supported": [
        "authorization_code",
        "refresh_token"
      ],
      "token_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "authorization_response_iss_parameter_supported": true,
      "service_documentation": "ORIGIN/"
    }
    "#);
    let url = format!("{}/.well-known/oauth-protected-resource/mcp", demo.origin());
    let text = get(&url).await.text().replace(demo.origin(), "ORIGIN");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_json_snapshot!(document, @r#"
    {
      "resource": "ORIGIN/mcp",
      "authorization_servers": [
        "ORIGIN"
      ],
      "scopes_supported": [
        "tools",
        "notes:read",
        "notes:write"
      ],
      "bearer_methods_supported": [
        "header"
      ],
      "resource_name": "Gatepass demo tools"
    }
    "#);
}

#[tokio::test]
async fn a_person_who_allows_sends_a_code_back() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    let back = Person::named("ada")
        .decide(&url, Decision::Allow)
        .await
        .unwrap();
    assert!(back.starts_with(&format!("{CALLBACK}?code=")), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("the state"));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(demo.issuer()));
}

#[tokio::test]
async fn a_person_who_denies_sends_an_error_back_with_the_issuer() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    let back = Person::named("ada")
        .decide(&url, Decision::Deny)
        .await
        .unwrap();
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(demo.issuer()));
    assert_eq!(parameter(&back, "code"), None);
}

#[tokio::test]
async fn a_wrong_request_goes_back_to_a_known_client_with_the_reason() {
    let demo = start().await;
    let client = register(&demo).await;
    for (changes, error) in [
        (&[("code_challenge", "")][..], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[("resource", "https://elsewhere.example/mcp")],
            "invalid_target",
        ),
        (&[("resource", "")], "invalid_target"),
        (&[("scope", "tools root")], "invalid_scope"),
    ] {
        let answer = get(&authorization_url(&demo, &client, changes)).await;
        assert_eq!(answer.status, 302, "{changes:?}");
        let back = answer.header("location").unwrap();
        assert!(back.starts_with(CALLBACK), "{back}");
        assert_eq!(
            parameter(back, "error").as_deref(),
            Some(error),
            "{changes:?}"
        );
        assert_eq!(parameter(back, "iss").as_deref(), Some(demo.issuer()));
        assert_eq!(parameter(back, "state").as_deref(), Some("the state"));
    }
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_the_client_did_not_register() {
    let demo = start().await;
    let client = register(&demo).await;
    for changes in [
        [("redirect_uri", "http://127.0.0.1:9/callback/")],
        [("redirect_uri", "http://127.0.0.1:10/callback")],
        [("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "")],
        [("client_id", "somebody else")],
        [("client_id", "")],
    ] {
        let answer = get(&authorization_url(&demo, &client, &changes)).await;
        assert_eq!(answer.status, 400, "{changes:?}");
        assert_eq!(answer.header("location"), None);
        assert!(answer.text().contains("This request cannot continue"));
    }
    let twice = format!("{}&client_id=x", authorization_url(&demo, &client, &[]));
    assert_eq!(get(&twice).await.status, 400);
}

#[tokio::test]
async fn registration_says_what_is_wrong() {
    let demo = start().await;
    let url = endpoint(&demo, "register");
    for (member, value, error) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        (
            "redirect_uris",
            json!(["http://example.com/cb"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["https://example.com/cb#here"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["javascript:alert(1)"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!("https://example.com/cb"),
            "invalid_client_metadata",
        ),
        ("application_type", json!("web"), "invalid_redirect_uri"),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            "invalid_client_metadata",
        ),
        (
            "grant_types",
            json!(["client_credentials"]),
            "invalid_client_metadata",
        ),
        (
            "response_types",
            json!(["token"]),
            "invalid_client_metadata",
        ),
        (
            "client_name",
            json!("x".repeat(300)),
            "invalid_client_metadata",
        ),
    ] {
        let mut body = registration();
        body[member] = value.clone();
        let answer = post_json(&url, &body).await;
        assert_eq!(answer.status, 400, "{member} {value}");
        assert_eq!(answer.json()["error"], error, "{member} {value}");
    }
    assert!(demo.record().registrations().is_empty());
}

#[tokio::test]
async fn a_metadata_document_is_a_client_id_where_that_is_supported() {
    let demo = start().await;
    let id = "https://gatepass.example/oauth/client-metadata.json";
    assert_eq!(get(&authorization_url(&demo, id, &[])).await.status, 400);

    let document = json!({"client_id": id, "client_name": "Gatepass", "redirect_uris": [CALLBACK]});
    let documents = [(id.to_owned(), document)].into();
    demo.behaviour().set(|b| {
        b.registration.metadata_documents = ClientMetadataDocuments::Known(documents);
    });
    let code = code(&demo, id, &[]).await;
    assert_eq!(exchange(&demo, id, &code).await.status, 200);

    let stolen = json!({"client_id": "https://other.example/doc", "redirect_uris": [CALLBACK]});
    let documents = [(id.to_owned(), stolen)].into();
    demo.behaviour().set(|b| {
        b.registration.metadata_documents = ClientMetadataDocuments::Known(documents);
    });
    assert_eq!(get(&authorization_url(&demo, id, &[])).await.status, 400);
}

#[tokio::test]
async fn answers_can_be_bent_for_tests_of_clients() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    demo.behaviour()
        .set(|b| b.authorize.auto = Some(AutoDecision::Allow));
    let advertised = "authorization_response_iss_parameter_supported";
    for (iss, sent, in_metadata) in [
        (Iss::Sent, Some(demo.issuer()), true),
        (Iss::Missing, None, true),
        (Iss::NotAdvertised, None, false),
        (Iss::Unadvertised, Some(demo.issuer()), false),
        (
            Iss::Wrong("https://evil.example".to_owned()),
            Some("https://evil.example"),
            true,
        ),
    ] {
        demo.behaviour().set(|b| b.authorize.iss = iss.clone());
        let answer = get(&url).await;
        let back = answer.header("location").unwrap();
        assert_eq!(parameter(back, "iss").as_deref(), sent, "{iss:?}");
        let url = format!("{}/.well-known/oauth-authorization-server", demo.origin());
        assert_eq!(
            get(&url).await.json()[advertised] == true,
            in_metadata,
            "{iss:?}"
        );
    }
    for (state, sent) in [
        (StateAnswer::Echoed, Some("the state")),
        (StateAnswer::Wrong, Some("not-the-state-you-sent")),
        (StateAnswer::Missing, None),
    ] {
        demo.behaviour().set(|b| b.authorize.state = state);
        let answer = get(&url).await;
        let back = answer.header("location").unwrap();
        assert_eq!(parameter(back, "state").as_deref(), sent);
    }
}
