use mcp_oauth_client::authorization::for_another_account;
use serde_json::{Value, json};

use crate::support::*;

fn prompt(listed: Value) -> Option<String> {
    let server = authorization_server(json!({ "prompt_values_supported": listed }));
    let url = for_another_account(&server.authorization_endpoint, &server);
    url.url()
        .query_pairs()
        .find(|(name, _)| name == "prompt")
        .map(|(_, value)| value.into_owned())
}

#[test]
fn another_account_is_asked_for_in_the_way_that_the_server_lists() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(prompt(Value::Null), some("login"), "it does not say");
    assert_eq!(prompt(json!(["none", "login"])), some("login"));
    let all = json!(["none", "login", "consent", "select_account"]);
    assert_eq!(prompt(all), some("select_account"));
    assert_eq!(prompt(json!(["none", "consent"])), None);
}
