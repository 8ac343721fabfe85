//! The protected MCP server on both kinds of revisions.

use gatepass_demo::{
    Behaviour, Demo, HttpAnswer,
    behaviour::{Access, Published, Streams},
    http,
};
use http::Method;
use serde_json::{Value, json};

use crate::client::{call, connect, connect_with, get, headers, messages, rpc, start, tool_text};

fn challenges(answer: &HttpAnswer) -> Vec<&str> {
    answer
        .headers
        .get_all("www-authenticate")
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn without_a_token_the_challenge_says_where_to_go() {
    let demo = start().await;
    let answer = rpc(&demo, None, "tools/list", json!({})).await;
    assert_eq!(answer.status, 401);
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", demo.origin());
    assert_eq!(
        challenges(&answer),
        [format!(
            "Bearer resource_metadata=\"{metadata}\", scope=\"tools notes:read\""
        )]
    );
    assert_eq!(get(&metadata).await.json()["resource"], demo.mcp_url());
    for token in ["unknown", "x y z"] {
        let answer = rpc(&demo, Some(token), "tools/list", json!({})).await;
        assert_eq!(answer.status, 401);
        assert!(challenges(&answer)[0].contains("error=\"invalid_token\""));
    }
    assert!(demo.record().tool_calls().is_empty());
}

#[tokio::test]
async fn the_stateless_revision_lists_and_calls_tools() {
    let demo = start().await;
    let token = connect(&demo).await.access;
    let found = rpc(&demo, Some(&token), "server/discover", json!({})).await;
    let found = &messages(&found)[0]["result"];
    assert!(
        found["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28"))
    );
    let tools = rpc(&demo, Some(&token), "tools/list", json!({})).await;
    let names: Vec<_> = messages(&tools)[0]["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "add_numbers",
            "book_table",
            "calculate",
            "convert_units",
            "create_note",
            "current_time",
            "delete_note",
            "search_notes",
            "slow_count"
        ]
    );
    for (tool, arguments, text) in [
        ("add_numbers", json!({"a": 1.5, "b": 2}), "1.5 + 2 = 3.5"),
        (
            "calculate",
            json!({"expression": "12 * (3 + 4)"}),
            "12 * (3 + 4) = 84",
        ),
        (
            "calculate",
            json!({"expression": "1/0"}),
            "That cannot be worked out: division by zero.",
        ),
        (
            "convert_units",
            json!({"value": 5, "from": "km", "to": "miles"}),
            "5 km = 3.106856 miles",
        ),
        (
            "current_time",
            json!({"time_zone": "Nowhere/City"}),
            "There is no time zone \"Nowhere/City\". Use an IANA name such as \"Asia/Tokyo\".",
        ),
        (
            "slow_count",
            json!({"to": 0}),
            "Choose a number from 1 to 60.",
        ),
    ] {
        let answer = call(&demo, Some(&token), tool, arguments).await;
        assert_eq!(tool_text(&answer), text);
    }
    let time = call(
        &demo,
        Some(&token),
        "current_time",
        json!({"time_zone": "Asia/Tokyo"}),
    )
    .await;
    assert!(tool_text(&time).ends_with(" in Asia/Tokyo"));
    let unknown = call(&demo, Some(&token), "fail", json!({})).await;
    assert_eq!(messages(&unknown)[0]["error"]["code"], -32602);
}

#[tokio::test]
async fn the_handshake_revisions_work_with_a_session() {
    let demo = start().await;
    let token = connect(&demo).await.access;
    for version in ["2025-06-18", "2025-11-25"] {
        let bearer = format!("Bearer {token}");
        let post = async |session: Option<&str>, body: Value| {
            let mut pairs = vec![
                ("content-type", "application/json"),
                ("accept", "application/json, text/event-stream"),
                ("authorization", bearer.as_str()),
            ];
            if let Some(session) = session {
                pairs.push(("mcp-session-id", session));
                pairs.push(("mcp-protocol-version", version));
            }
            http(
                Method::POST,
                demo.mcp_url(),
                headers(&pairs),
                body.to_string(),
            )
            .await
            .unwrap()
        };
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let welcome = post(None, hello).await;
        assert_eq!(welcome.status, 200, "{}", welcome.text());
        assert_eq!(messages(&welcome)[0]["result"]["protocolVersion"], version);
        let session = welcome.header("mcp-session-id").unwrap().to_owned();
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(post(Some(&session), ready).await.status, 202);
        let slow = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "slow_count", "arguments": {"to": 2}, "_meta": {"progressToken": "p"},
        }});
        let counted = post(Some(&session), slow).await;
        let progress: Vec<_> = messages(&counted)
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .map(|message| message["params"]["progress"].as_f64().unwrap())
            .collect();
        assert_eq!(progress, [1.0, 2.0]);
        assert_eq!(tool_text(&counted), "Counted to 2.");
    }
}

#[tokio::test]
async fn notes_belong_to_the_account_behind_the_token() {
    let demo = start().await;
    let ada = connect_with(&demo, "ada", "tools notes:read notes:write")
        .await
        .access;
    let grace = connect_with(&demo, "grace", "tools notes:read")
        .await
        .access;
    let kept = call(
        &demo,
        Some(&ada),
        "create_note",
        json!({"text": "Buy milk"}),
    )
    .await;
    assert_eq!(tool_text(&kept), "Noted as #1: Buy milk");
    let found = call(&demo, Some(&ada), "search_notes", json!({"query": "milk"})).await;
    assert_eq!(tool_text(&found), "#1 Buy milk");
    let none = call(&demo, Some(&grace), "search_notes", json!({})).await;
    assert_eq!(tool_text(&none), "No notes found.");
}

#[tokio::test]
async fn a_tool_that_needs_more_scope_says_which() {
    let demo = start().await;
    let token = connect(&demo).await.access;
    let answer = call(&demo, Some(&token), "create_note", json!({"text": "x"})).await;
    assert_eq!(answer.status, 403);
    let challenge = challenges(&answer)[0];
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(
        challenge.contains("scope=\"tools notes:write\""),
        "{challenge}"
    );
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    assert!(demo.record().tool_calls().is_empty());
}

#[tokio::test]
async fn access_can_be_open_keyed_or_closed() {
    let demo = start().await;
    let token = connect(&demo).await.access;
    let status =
        async |token: Option<&str>| rpc(&demo, token, "tools/list", json!({})).await.status;

    demo.behaviour().set(|b| b.mcp.access = Access::Open);
    assert_eq!(status(None).await, 200);
    demo.behaviour()
        .set(|b| b.mcp.access = Access::RejectEverything);
    assert_eq!(status(Some(&token)).await, 401);
    demo.behaviour().set(|b| b.mcp.access = Access::Forbidden);
    let forbidden = rpc(&demo, Some(&token), "tools/list", json!({})).await;
    assert_eq!(forbidden.status, 403);
    assert!(challenges(&forbidden).is_empty());
    demo.behaviour().set(|b| {
        b.mcp.access = Access::ApiKey {
            header: "authorization".to_owned(),
            value: "Bearer key".to_owned(),
        };
    });
    assert_eq!(status(Some("wrong")).await, 401);
    assert_eq!(status(Some("key")).await, 200);
    demo.behaviour().reset();
    demo.behaviour()
        .set(|b| b.mcp.unprotected_methods = vec!["tools/list".to_owned()]);
    assert_eq!(status(None).await, 200);
    assert_eq!(
        call(&demo, None, "add_numbers", json!({})).await.status,
        401
    );
}

#[tokio::test]
async fn challenges_and_metadata_come_in_the_forms_servers_use() {
    let demo = start().await;
    let root = "/.well-known/oauth-protected-resource";
    let inserted = "/.well-known/oauth-protected-resource/mcp";
    let custom = "/custom/resource-metadata.json";
    for (published, found, named) in [
        (Published::Path, vec![inserted], Some(inserted)),
        (Published::Root, vec![root], Some(root)),
        (Published::PathAndRoot, vec![root, inserted], Some(inserted)),
        (Published::Custom, vec![custom], Some(custom)),
        (Published::Missing, vec![], None),
    ] {
        demo.behaviour()
            .set(|b| b.resource_metadata.published = published);
        for path in [root, inserted, custom] {
            let status = get(&format!("{}{path}", demo.origin())).await.status;
            assert_eq!(status == 200, found.contains(&path), "{published:?} {path}");
        }
        let answer = rpc(&demo, None, "tools/list", json!({})).await;
        let challenge = challenges(&answer)[0];
        match named {
            Some(path) => assert!(challenge.contains(&format!("{}{path}\"", demo.origin()))),
            None => assert!(!challenge.contains("resource_metadata")),
        }
    }
    demo.behaviour().reset();
    demo.behaviour().set(|b| {
        b.mcp.challenge.basic_first = true;
        b.mcp.challenge.unquoted = true;
    });
    let answer = rpc(&demo, None, "tools/list", json!({})).await;
    let lines = challenges(&answer);
    assert_eq!(lines[0], "Basic realm=\"gatepass-demo\"");
    assert!(lines[1].starts_with("Bearer resource_metadata=http://"));
    demo.behaviour().set(|b| b.mcp.challenge.missing = true);
    assert!(challenges(&rpc(&demo, None, "tools/list", json!({})).await).is_empty());

    demo.behaviour()
        .set(|b| b.mcp.streams = Streams::MethodNotAllowed);
    demo.behaviour().set(|b| b.mcp.access = Access::Open);
    let answer = get(demo.mcp_url()).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.json()["error"]["code"], -32000);
}

#[tokio::test]
async fn tools_that_go_wrong_exist_where_they_are_asked_for() {
    let behaviour =
        r#"{"mcp": {"access": "open", "test_tools": true, "big_result_bytes": 5000000}}"#;
    let demo = Demo::builder()
        .behaviour(Behaviour::from_json(behaviour).unwrap())
        .start()
        .await
        .unwrap();
    let failed = call(&demo, None, "fail", json!({})).await;
    assert_eq!(messages(&failed)[0]["result"]["isError"], true);
    let big = call(&demo, None, "big_result", json!({})).await;
    assert_eq!(tool_text(&big).len(), 5_000_000);
    let mixed = call(&demo, None, "test_multiple_content_types", json!({})).await;
    let content = messages(&mixed)[0]["result"]["content"].clone();
    let kinds: Vec<_> = (0..3).map(|n| content[n]["type"].clone()).collect();
    assert_eq!(kinds, ["text", "image", "resource"]);
}

#[tokio::test]
async fn hosts_and_origins_of_strangers_are_refused() {
    let demo = start().await;
    demo.behaviour().set(|b| b.mcp.access = Access::Open);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let pairs = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("origin", "http://evil.example"),
    ];
    let answer = http(Method::POST, demo.mcp_url(), headers(&pairs), body)
        .await
        .unwrap();
    assert_eq!(answer.status, 403);
}
