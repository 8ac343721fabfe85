use huskarl::grant::authorization_code::CompleteInput;
use mcp_oauth_client::{CallbackError, CallbackQuery, RegistrationKind, ValidatedCallback};
use proptest::{collection, prelude::*, sample};
use url::form_urlencoded::Serializer;

use crate::support::*;

fn ours(query: &str) -> Result<ValidatedCallback, CallbackError> {
    let pending = begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    );
    let query = query.replace("STATE", pending.state.expose());
    pending.validate(CallbackQuery::parse(&query)?, NOW)
}

fn theirs(query: &str) -> bool {
    query.parse::<CompleteInput>().is_ok()
}

#[test]
fn both_refuse_a_parameter_that_comes_twice_and_ignore_unknown_ones() {
    let rest = "&state=STATE&iss=https%3A%2F%2Fas.example";
    for query in [
        "code=a&code=b",
        "code=a&state=x",
        "code=a&iss=https%3A%2F%2Fas.example",
    ] {
        let query = format!("{query}{rest}");
        assert!(!theirs(&query), "{query}");
        assert!(
            matches!(ours(&query), Err(CallbackError::Repeated { .. })),
            "{query}"
        );
    }
    let query = format!("code=a&session_state=1&session_state=2{rest}");
    assert!(theirs(&query) && ours(&query).is_ok());
}

#[test]
fn both_read_escapes_alike() {
    for code in ["a%2Bb%26c", "a+b", "%E2%82%AC", "a%3Ab%2Fc%3D"] {
        let query = format!("code={code}&state=STATE&iss=https%3A%2F%2Fas.example");
        assert!(theirs(&query) && ours(&query).is_ok(), "{code}");
    }
}

proptest! {
    #[test]
    fn what_the_other_refuses_we_refuse_and_what_we_take_it_takes(
        fields in collection::vec(
            (
                sample::select(&["code", "state", "iss", "error", "scope", "x"][..]),
                sample::select(&["STATE", "https://as.example", "abc", "a b&c=d"][..]),
            ),
            0..6,
        ),
    ) {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&fields);
        let query = query.finish();
        if !theirs(&query) {
            prop_assert!(ours(&query).is_err(), "{}", query);
        }
        if ours(&query).is_ok() {
            prop_assert!(theirs(&query), "{}", query);
        }
    }
}
