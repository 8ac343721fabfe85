use mcp_oauth_client::{
    Actor, Binding, CallbackError, CallbackQuery, FLOW_LIFETIME, PendingAuthorization, Recovery,
    RegistrationKind, ResourceId, Scopes, Target, ValidatedCallback,
};
use proptest::prelude::*;
use serde_json::json;

use crate::support::*;

fn pending() -> PendingAuthorization {
    begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    )
}

fn validate(query: &str) -> Result<ValidatedCallback, CallbackError> {
    let pending = pending();
    let query = query.replace("STATE", pending.state.expose());
    pending.validate(CallbackQuery::parse(&query)?, NOW)
}

#[test]
fn the_authorization_url_carries_the_whole_request() {
    let client = World::new().client();
    let target = Target {
        binding: Binding::Bearer,
        server: server(),
        resource: ResourceId::verbatim("https://mcp.example"),
        scopes: Scopes::parse("a b"),
    };
    let server = authorization_server(json!({
        "authorization_endpoint": "https://as.example/authorize?tenant=t%201&scope=stale",
    }));
    let (url, _) = client
        .begin(target, &server, registration(RegistrationKind::Dynamic))
        .unwrap();
    insta::assert_snapshot!(url.as_str().replace('&', "\n&"), @r"
    https://as.example/authorize?tenant=t+1
    &response_type=code
    &client_id=client-1
    &redirect_uri=https%3A%2F%2Fapp.example%2Fapi%2Fmcp%2Foauth%2Fcallback
    &state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    &code_challenge=VtX6czP210fbQsI5QH5dpMMvTHnzXQkrE0_TWkAtnFw
    &code_challenge_method=S256
    &resource=https%3A%2F%2Fmcp.example
    &scope=a+b
    ");
}

#[test]
fn without_scopes_the_parameter_is_left_out() {
    let client = World::new().client();
    let target = Target {
        binding: Binding::Bearer,
        server: server(),
        resource: ResourceId::verbatim(MCP),
        scopes: Scopes::none(),
    };
    let server = authorization_server(json!({}));
    let (url, _) = client
        .begin(target, &server, registration(RegistrationKind::Dynamic))
        .unwrap();
    assert!(!url.as_str().contains("scope="));
}

#[test]
fn two_flows_share_neither_state_nor_verifier() {
    let client = World::new().client();
    let one = begin(&client, registration(RegistrationKind::Dynamic));
    let two = begin(&client, registration(RegistrationKind::Dynamic));
    assert_ne!(one.state, two.state);
    assert_ne!(one.verifier, two.verifier);
    assert_ne!(one.state, one.verifier);
}

#[test]
fn a_right_answer_is_accepted_and_unknown_parameters_are_ignored() {
    assert!(
        validate(&format!(
            "code=c&state=STATE&iss={AS}&session_state=x&x=1&x=2"
        ))
        .is_ok()
    );
}

#[test]
fn every_wrong_answer_is_refused_before_anything_of_it_is_used() {
    let table = [
        ("code=c", CallbackError::StateMissing),
        ("code=c&state=", CallbackError::StateMissing),
        (
            "code=c&state=other&iss=https://as.example",
            CallbackError::StateMismatch,
        ),
        (
            "code=c&state=STATE",
            CallbackError::IssMissing {
                issuer: "as.example".into(),
            },
        ),
        (
            "code=c&state=STATE&iss=https://as.example/",
            CallbackError::IssMismatch {
                issuer: "as.example".into(),
            },
        ),
        (
            "code=c&state=STATE&iss=https://evil.example",
            CallbackError::IssMismatch {
                issuer: "as.example".into(),
            },
        ),
        (
            "error=access_denied&state=STATE&iss=https://evil.example",
            CallbackError::IssMismatch {
                issuer: "as.example".into(),
            },
        ),
        (
            "error=access_denied&state=STATE",
            CallbackError::IssMissing {
                issuer: "as.example".into(),
            },
        ),
        (
            "state=STATE&iss=https://as.example",
            CallbackError::CodeMissing {
                issuer: "as.example".into(),
            },
        ),
        (
            "code=+&state=STATE&iss=https://as.example",
            CallbackError::CodeMissing {
                issuer: "as.example".into(),
            },
        ),
        (
            "code=a&code=b&state=STATE&iss=https://as.example",
            CallbackError::Repeated {
                parameter: "code".into(),
            },
        ),
        (
            "code=a&state=STATE&state=STATE&iss=https://as.example",
            CallbackError::Repeated {
                parameter: "state".into(),
            },
        ),
        (
            "code=a&state=STATE&iss=https://as.example&iss=https://as.example",
            CallbackError::Repeated {
                parameter: "iss".into(),
            },
        ),
    ];
    for (query, expected) in table {
        assert_eq!(validate(query).unwrap_err(), expected, "{query}");
    }
}

#[test]
fn an_unannounced_iss_is_compared_all_the_same_and_may_be_absent() {
    let begin = || {
        let server =
            authorization_server(json!({"authorization_response_iss_parameter_supported": false}));
        let target = Target {
            binding: Binding::Bearer,
            server: crate::support::server(),
            resource: ResourceId::verbatim(MCP),
            scopes: Scopes::none(),
        };
        let client = World::new().client();
        client
            .begin(target, &server, registration(RegistrationKind::Dynamic))
            .unwrap()
            .1
    };
    let answer = |iss: &str| {
        let pending = begin();
        let query = format!("code=c&state={}{iss}", pending.state.expose());
        pending.validate(CallbackQuery::parse(&query).unwrap(), NOW)
    };
    assert!(answer("").is_ok());
    assert!(answer("&iss=https%3A%2F%2Fas.example").is_ok());
    assert!(matches!(
        answer("&iss=https://evil.example"),
        Err(CallbackError::IssMismatch { .. })
    ));
}

#[test]
fn a_flow_ends_after_ten_minutes() {
    let pending = pending();
    let query = answer_to(&pending);
    let late = NOW.after(FLOW_LIFETIME);
    assert_eq!(
        pending.validate(query, late).unwrap_err(),
        CallbackError::Expired
    );
}

#[test]
fn a_flow_recorded_by_another_version_has_expired() {
    let mut pending = pending();
    pending.version = 0;
    let query = answer_to(&pending);
    assert_eq!(
        pending.validate(query, NOW).unwrap_err(),
        CallbackError::Expired
    );
}

#[test]
fn what_the_authorization_server_says_reaches_the_user_clean_and_short() {
    let long = "x".repeat(2000);
    let table = [
        ("access_denied", "", Recovery::Reauthorize),
        ("server_error", "try later", Recovery::Retry { after: None }),
        (
            "unauthorized_client",
            "unknown client",
            Recovery::Reregister,
        ),
        (
            "<script>",
            "\u{202E}<b>\u{0000}hi",
            Recovery::Reconfigure {
                who: mcp_oauth_client::Actor::Vendor,
            },
        ),
        (
            "invalid_scope",
            long.as_str(),
            Recovery::Reconfigure {
                who: mcp_oauth_client::Actor::Vendor,
            },
        ),
    ];
    let mut sentences = Vec::new();
    for (code, description, recovery) in table {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", code)
            .append_pair("error_description", description)
            .append_pair("iss", AS)
            .finish();
        let error = validate(&format!("{query}&state=STATE")).unwrap_err();
        assert_eq!(error.recovery(), recovery, "{code}");
        sentences.push(error.to_string());
    }
    assert!(sentences[4].len() < 500);
    insta::assert_snapshot!(sentences[..4].join("\n"), @r"
    Access was not allowed at as.example
    as.example cannot sign you in right now: try later
    as.example does not know this app as a client: unknown client
    as.example refused the sign-in (<script>): <b>hi
    ");
}

#[test]
fn a_pending_authorization_survives_being_stored_and_prints_no_secret() {
    let pending = pending();
    let text = serde_json::to_string(&pending).unwrap();
    let back: PendingAuthorization = serde_json::from_str(&text).unwrap();
    assert_eq!(back, pending);
    let printed = format!("{pending:?}");
    assert!(!printed.contains(pending.verifier.expose()));
    assert!(!printed.contains(pending.state.expose()));
}

#[test]
fn a_client_unknown_at_the_sign_in_page_is_mended_by_whoever_gave_it() {
    for (kind, recovery) in [
        (RegistrationKind::Dynamic, Recovery::Reregister),
        (
            RegistrationKind::Manual,
            Recovery::Reconfigure { who: Actor::You },
        ),
        (
            RegistrationKind::Preregistered,
            Recovery::Reconfigure { who: Actor::Admin },
        ),
        (
            RegistrationKind::MetadataDocument,
            Recovery::Reconfigure { who: Actor::Admin },
        ),
    ] {
        for code in ["invalid_client", "unauthorized_client"] {
            let pending = begin(&World::new().client(), registration(kind));
            let state = pending.state.expose();
            let query = format!("error={code}&state={state}&iss={AS}");
            let query = CallbackQuery::parse(&query).unwrap();
            let error = pending.validate(query, NOW).unwrap_err();
            assert_eq!(error.recovery(), recovery, "{kind:?} {code}");
        }
    }
}

#[test]
fn a_client_of_one_authorization_server_is_never_used_at_another() {
    let client = World::new().client();
    let target = target(Scopes::none());
    let mut elsewhere = registration(RegistrationKind::Dynamic);
    elsewhere.issuer = mcp_oauth_client::Issuer::parse(
        "https://as.example/",
        mcp_oauth_client::UrlPolicy::HttpsOnly,
    )
    .unwrap();
    let error = client
        .begin(target, &authorization_server(json!({})), elsewhere)
        .unwrap_err();
    assert_eq!(error.recovery(), Recovery::Refuse);
    insta::assert_snapshot!(error, @"a client of https://as.example/ is not used at https://as.example");
}

proptest! {
    #[test]
    fn no_query_panics_and_none_passes_without_the_state(query in "[ -~]{0,200}") {
        prop_assert!(validate(&query.replace("STATE", "")).is_err());
    }
}
