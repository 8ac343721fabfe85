//! Finding out what a server speaks.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use gatepass_mcp::{McpError, Revision, Session};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Answer, Scripted, carrier, connect, endless, events, json_body, quick};

/// Ways in which servers say that they do not know `server/discover`.
const OLDER: [(&str, Answer); 12] = [
    ("unknown method", |seen| {
        seen.error(200, -32601, Value::Null)
    }),
    ("unknown method as 404", |seen| {
        seen.error(404, -32601, Value::Null)
    }),
    ("unsupported version, no id", |_| {
        let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "Bad Request: Unsupported protocol version"}});
        (StatusCode::BAD_REQUEST, json_body(body)).into_response()
    }),
    ("an id of its own", |_| {
        let body = json!({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "Missing session ID"}});
        (StatusCode::BAD_REQUEST, json_body(body)).into_response()
    }),
    ("plain 400", |_| {
        (StatusCode::BAD_REQUEST, "bad").into_response()
    }),
    ("page 404", |_| {
        (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/html")],
            "<h1>no</h1>",
        )
            .into_response()
    }),
    ("endless page 404", |_| endless(404, "text/html", "<h1>")),
    ("empty 422", |_| {
        StatusCode::UNPROCESSABLE_ENTITY.into_response()
    }),
    ("plain 500", |_| {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }),
    ("an empty object", |_| json_body(json!({}))),
    ("an empty result", |seen| seen.result(json!({}))),
    ("an error as event", |seen| {
        let error = json!({"jsonrpc": "2.0", "id": seen.body["id"], "error": {"code": -32601, "message": "no"}});
        events(format!("id: 1\ndata:\n\nevent: message\ndata: {error}\n\n"))
    }),
];

#[tokio::test]
async fn a_server_of_an_older_revision_is_recognised_however_it_says_so() {
    for (how, answer) in OLDER {
        let server =
            Scripted::start(move |seen| (seen.method() == "server/discover").then(|| answer(seen)))
                .await;
        let session = connect(&server.access(), Revision::Auto).await;
        let session = session.unwrap_or_else(|error| panic!("{how}: {error:?}"));
        assert_eq!(session.revision(), Revision::Handshake, "{how}");
        session.list_tools(None).await.unwrap();
        let seen = server.seen();
        let listing = seen.last().unwrap();
        assert_eq!(
            listing.header("mcp-protocol-version"),
            Some("2025-11-25"),
            "{how}"
        );
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_not_taken_for_an_old_one() {
    for status in [429, 503] {
        let server = Scripted::start(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            Some((status, [(header::RETRY_AFTER, "7")]).into_response())
        })
        .await;
        let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
        let McpError::Http { after, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(after.map(|after| after.as_secs()), Some(7));
        assert!(error.recovery().is_temporary());
        assert_eq!(server.methods(), ["server/discover"]);
    }
}

#[tokio::test]
async fn the_first_cause_is_told_when_nothing_works() {
    let server = Scripted::start(|seen| {
        Some(match seen.method() {
            "server/discover" => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the first cause").into_response()
            }
            _ => (StatusCode::BAD_GATEWAY, "another").into_response(),
        })
    })
    .await;
    let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
    assert!(error.to_string().ends_with("the first cause"), "{error}");
}

#[tokio::test]
async fn what_is_no_mcp_server_is_called_so() {
    let page: fn() -> Response =
        || ([(header::CONTENT_TYPE, "text/html")], "<h1>Welcome</h1>").into_response();
    let not_found: fn() -> Response = || StatusCode::NOT_FOUND.into_response();
    let moved: fn() -> Response = || {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "/mcp/")],
        )
            .into_response()
    };
    let mut said = String::new();
    for answer in [page, not_found, moved] {
        let server = Scripted::start(move |_| Some(answer())).await;
        let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
        let host = server.access().server.host();
        said.push_str(&error.to_string().replace(&host, "the server"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r"
    the server does not answer as an MCP server: a web page came
    There is no MCP server at this address of the server (status 404)
    the server wanted to redirect the request to the same address with a slash at its end; it was not followed
    ");
}

#[tokio::test]
async fn a_refused_version_is_asked_for_again_as_the_server_says() {
    let refused = AtomicUsize::new(0);
    let server = Scripted::start(move |seen| {
        let first = refused.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| {
            seen.error(
                400,
                -32022,
                json!({"supported": ["2026-07-28"], "requested": "x"}),
            )
        })
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    assert_eq!(session.revision(), Revision::Current);
    assert_eq!(server.methods(), ["server/discover", "server/discover"]);
}

#[tokio::test]
async fn a_server_that_speaks_only_what_is_to_come_is_told_apart() {
    let server =
        Scripted::start(|seen| Some(seen.error(400, -32022, json!({"supported": ["2031-01-01"]}))))
            .await;
    let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
    assert!(
        matches!(&error, McpError::NoCommonRevision { versions, .. } if versions == &["2031-01-01"]),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_request_of_the_current_revision_stands_for_itself() {
    let server = Scripted::start(|_| None).await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    session.list_tools(None).await.unwrap();
    session
        .call_tool(
            &gatepass_mcp::ToolCall::new("echo", serde_json::Map::new()),
            None,
        )
        .await
        .unwrap();
    session.close().await;
    let seen = server.seen();
    assert_eq!(
        server.methods(),
        ["server/discover", "tools/list", "tools/call"]
    );
    for seen in &seen {
        assert_eq!(
            seen.header("accept"),
            Some("application/json, text/event-stream")
        );
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(seen.header("mcp-method"), Some(seen.method()));
        assert_eq!(seen.header("mcp-session-id"), None);
        let meta = &seen.body["params"]["_meta"];
        assert_eq!(
            meta["io.modelcontextprotocol/protocolVersion"],
            "2026-07-28"
        );
        assert_eq!(
            meta["io.modelcontextprotocol/clientInfo"]["name"],
            "gatepass"
        );
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    }
    assert_eq!(seen[2].header("mcp-name"), Some("echo"));
}

#[tokio::test]
async fn a_server_that_never_answers_what_it_does_not_know_is_asked_with_the_handshake() {
    let server = Scripted::start(|seen| {
        (seen.method() == "server/discover").then(|| endless(200, "application/json", "{"))
    })
    .await;
    let mut options = quick();
    options.limits.handshake = Duration::from_secs(3);
    let session = Session::connect(carrier(), &server.access(), &options, Revision::Auto)
        .await
        .unwrap();
    assert_eq!(session.revision(), Revision::Handshake);
}
