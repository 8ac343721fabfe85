use mcp_oauth_client::{Connection, RegistrationKind, TokenError, ValidatedCallback, token};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{any_json, check, document};
use crate::support::*;

const NAMES: &[&str] = &[
    "access_token",
    "refresh_token",
    "token_type",
    "expires_in",
    "scope",
    "error",
    "error_description",
];
const VALUES: &[&str] = &[
    "token",
    " ",
    "",
    "null",
    "0",
    "3600",
    "-1",
    "1e400",
    "18446744073709551615",
    "Bearer",
    "bEaReR",
    "mac",
    "a b",
    "a,b",
    "invalid_grant",
    r#"["invalid_grant"]"#,
    r#"{"code": "invalid_grant"}"#,
];

fn callback() -> ValidatedCallback {
    let pending = begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    );
    let query = answer_to(&pending);
    pending.validate(query, NOW).unwrap()
}

fn read(content_type: &str, body: String) -> Result<Connection, TokenError> {
    let response = http::Response::builder()
        .header("content-type", content_type)
        .body(bytes::Bytes::from(body))
        .unwrap();
    token::process_exchange(&callback(), &response, NOW)
}

proptest! {
    #[test]
    fn any_answer_is_judged(document in document(NAMES, VALUES)) {
        check("token", Value::Object(document).to_string().as_bytes());
    }

    #[test]
    fn any_form_is_judged(fields in proptest::collection::vec((prop::sample::select(NAMES), "\\PC{0,20}"), 0..8)) {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        check("token", form.finish().as_bytes());
    }

    #[test]
    fn tokens_come_back_as_they_were_issued_in_json_and_in_a_form(
        access in "[!-~]{1,80}",
        refresh in "[!-~]{1,80}",
        lifetime in 1_u32..,
        scope in "[a-z:.]{1,10}( [a-z:.]{1,10}){0,4}",
        extra in any_json(),
    ) {
        let json = json!({
            "access_token": access, "refresh_token": refresh, "token_type": "Bearer",
            "expires_in": lifetime, "scope": scope, "x": extra,
        });
        let mut form = Serializer::new(String::new());
        form.append_pair("access_token", &access)
            .append_pair("refresh_token", &refresh)
            .append_pair("token_type", "bearer")
            .append_pair("expires_in", &lifetime.to_string())
            .append_pair("scope", &scope);
        let one = read("application/json", json.to_string()).unwrap().tokens;
        let other = read("application/x-www-form-urlencoded", form.finish()).unwrap().tokens;
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.access_token.expose(), access);
        let refreshed = one.refresh_token.unwrap();
        prop_assert_eq!(refreshed.expose(), refresh);
        let lifetime = std::time::Duration::from_secs(lifetime.into());
        prop_assert_eq!(one.expires_at, Some(NOW.after(lifetime)));
        prop_assert_eq!(one.scopes, mcp_oauth_client::Scopes::parse(&scope));
    }

    #[test]
    fn an_error_counts_over_everything_beside_it(code in "[a-z_]{1,30}", access in "[!-~]{1,20}") {
        let body = json!({"access_token": access, "error": code}).to_string();
        let error = read("application/json", body).unwrap_err();
        let is_refusal = matches!(error, TokenError::Refused { .. });
        prop_assert!(is_refusal);
    }
}
