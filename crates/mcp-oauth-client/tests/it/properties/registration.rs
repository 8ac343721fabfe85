use mcp_oauth_client::{ClientAuthMethod, registration};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{any_json, check, document};
use crate::support::*;

const NAMES: &[&str] = &[
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "token_endpoint_auth_method",
    "redirect_uris",
    "error",
    "error_description",
];
const VALUES: &[&str] = &[
    "client-1",
    " ",
    "",
    "null",
    "0",
    "1900000000",
    "-1",
    "1e300",
    "none",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "invalid_redirect_uri",
    r#"["invalid_redirect_uri"]"#,
];

fn response(document: &Value) -> mcp_oauth_client::Response {
    http::Response::new(bytes::Bytes::from(document.to_string()))
}

proptest! {
    #[test]
    fn any_answer_is_judged(document in document(NAMES, VALUES)) {
        check("registration", Value::Object(document).to_string().as_bytes());
    }

    #[test]
    fn a_client_comes_back_as_it_was_issued(
        id in "[!-~]([ -~]{0,60}[!-~])?",
        secret in "[!-~]([ -~]{0,60}[!-~])?",
        post in any::<bool>(),
        lifetime in 1_i64..4_000_000_000,
        extra in any_json(),
    ) {
        let method = if post { ClientAuthMethod::ClientSecretPost } else { ClientAuthMethod::ClientSecretBasic };
        let expires_at = NOW.as_millis() / 1000 + lifetime;
        let answer = json!({
            "client_id": id, "client_secret": secret, "client_secret_expires_at": expires_at,
            "token_endpoint_auth_method": method.as_str(), "redirect_uris": extra, "x": extra,
        });
        let server = authorization_server(json!({}));
        let found = registration::process(&server, &response(&answer), &settings(), NOW).unwrap();
        prop_assert_eq!(found.client_id.as_str(), id);
        let found_secret = found.client_secret.as_ref().unwrap();
        prop_assert_eq!(found_secret.expose(), secret);
        prop_assert_eq!(found.auth_method, method);
        prop_assert_eq!(found.secret_expires_at.unwrap().as_millis(), expires_at * 1000);
    }

    #[test]
    fn without_a_client_id_there_is_no_client(id in prop_oneof![Just(Value::Null), "[ \\t\\n]{0,5}".prop_map(Value::from), any::<u32>().prop_map(Value::from)], extra in any_json()) {
        let server = authorization_server(json!({}));
        let answer = json!({"client_id": id, "x": extra});
        prop_assert!(registration::process(&server, &response(&answer), &settings(), NOW).is_err());
    }
}
