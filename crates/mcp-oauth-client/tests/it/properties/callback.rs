use mcp_oauth_client::{CallbackQuery, RegistrationKind};
use proptest::prelude::*;
use url::form_urlencoded::Serializer;

use crate::support::*;

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(fields);
    query.finish()
}

proptest! {
    #[test]
    fn any_code_comes_through_as_it_was_sent(code in "\\PC{0,40}[!-~]") {
        let world = World::new();
        world.json("POST https://as.example/token", serde_json::json!({"access_token": "x"}));
        let client = world.client();
        let pending = begin(&client, registration(RegistrationKind::Dynamic));
        let query = encoded(&[("code", &code), ("state", pending.state.expose()), ("iss", AS)]);
        let callback = pending.validate(CallbackQuery::parse(&query).unwrap(), NOW).unwrap();
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(client.exchange(callback))
            .unwrap();
        prop_assert_eq!(&world.last().form()["code"], &code);
    }

    #[test]
    fn without_the_very_state_and_issuer_nothing_of_an_answer_is_told(
        state in "[ -~]{0,50}",
        iss in "[ -~]{0,30}",
        word in "[a-z]{12}",
        wrong_state in any::<bool>(),
    ) {
        let pending = begin(&World::new().client(), registration(RegistrationKind::Dynamic));
        let own = pending.state.expose().to_owned();
        prop_assume!(state != own && iss != AS);
        let (state, iss) = if wrong_state { (state.as_str(), AS) } else { (own.as_str(), iss.as_str()) };
        let description = format!("call {word}");
        for kind in [("error", word.as_str()), ("code", word.as_str())] {
            let query = encoded(&[kind, ("error_description", &description), ("state", state), ("iss", iss)]);
            let query = CallbackQuery::parse(&query).unwrap();
            let error = pending.clone().validate(query, NOW).unwrap_err();
            prop_assert!(!error.to_string().contains(&word), "{}", error);
        }
    }

    #[test]
    fn a_parameter_that_decides_may_not_come_twice(
        name in prop::sample::select(&["code", "state", "iss", "error"][..]),
        values in ("[a-z]{0,5}", "[a-z]{0,5}"),
        between in "[a-z]{1,5}=[a-z]{0,5}",
    ) {
        let query = format!("{name}={}&{between}&{name}={}", values.0, values.1);
        prop_assert!(CallbackQuery::parse(&query).is_err());
    }
}
