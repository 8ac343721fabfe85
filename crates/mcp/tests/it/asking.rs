//! Questions of a server in the middle of a call, each put to whoever made that call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use gatepass_mcp::{
    Interaction, McpError, Resumption, Revision, Session, SessionOptions, ToolCall,
    protocol::{ElicitRequestParams, ElicitResult, ElicitationAction},
};
use mcp_oauth_client::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::support::*;

/// A person who is patient, and says their name.
struct Person {
    name: &'static str,
    thinks: Duration,
}

impl Interaction for Person {
    fn elicit(&self, _: ElicitRequestParams) -> BoxFuture<'_, ElicitResult> {
        Box::pin(async {
            tokio::time::sleep(self.thinks).await;
            ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": self.name}))
        })
    }

    fn opens_pages(&self) -> bool {
        true
    }
}

fn asked_of(name: &'static str, thinks: Duration) -> ToolCall {
    let person = Arc::new(Person { name, thinks });
    ToolCall::new("echo", Map::new()).asking(person, None)
}

/// The answers that calls wait for, by the question's id.
type Open = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A server of the handshake that asks in the answer to each call, and gives back what was said.
fn asking(open: Open) -> impl Fn(&Seen) -> Option<Response> + Send + Sync {
    move |seen| {
        if seen.method() == "tools/call" {
            let call = seen.body["id"].clone();
            let id = 1000 + call.as_u64().unwrap();
            let question = json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create",
                "params": {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}});
            let (answer, answered) = oneshot::channel();
            open.lock().unwrap().insert(id, answer);
            let first = stream::iter([format!("data: {question}\n\n")]);
            let then = stream::once(async move {
                let said: Value = answered.await.unwrap();
                let content = json!([{"type": "text", "text": said["content"]["name"]}]);
                let result = json!({"jsonrpc": "2.0", "id": call, "result": {"content": content}});
                format!("data: {result}\n\n")
            });
            let body = first
                .chain(then)
                .map(|text| Ok::<_, std::io::Error>(Bytes::from(text)));
            let kind = [(header::CONTENT_TYPE, "text/event-stream")];
            return Some((kind, Body::from_stream(body)).into_response());
        }
        if let (Some(id), Some(result)) = (seen.body["id"].as_u64(), seen.body.get("result")) {
            let waiting = open.lock().unwrap().remove(&id);
            let _ = waiting.unwrap().send(result.clone());
            return Some(axum::http::StatusCode::ACCEPTED.into_response());
        }
        handshake_only(seen)
    }
}

fn options(silence: Duration) -> SessionOptions {
    let mut options = quick();
    options.limits.silence = silence;
    options.interaction = Some(Arc::new(Person {
        name: "nobody",
        thinks: Duration::ZERO,
    }));
    options.quiet = true;
    options
}

async fn connected(server: &Scripted, options: &SessionOptions) -> Session {
    Session::connect(carrier(), &server.access(), options, Revision::Auto)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_question_reaches_the_one_who_made_its_call() {
    let server = Scripted::start(asking(Open::default())).await;
    let session = connected(&server, &options(Duration::from_secs(20))).await;
    let capabilities = server
        .seen()
        .iter()
        .find(|seen| seen.method() == "initialize")
        .map(|seen| seen.body["params"]["capabilities"]["elicitation"].clone());
    assert_eq!(capabilities, Some(json!({"form": {}, "url": {}})));
    assert!(
        !server.methods().contains(&"GET".to_owned()),
        "no stream is kept open"
    );
    // The first to be called is the last to answer.
    let (ada, grace) = (
        asked_of("Ada", Duration::from_millis(300)),
        asked_of("Grace", Duration::ZERO),
    );
    let calls = tokio::join!(
        session.call_tool(&ada, None),
        session.call_tool(&grace, None)
    );
    assert_eq!(calls.0.unwrap().content[0]["text"], "Ada");
    assert_eq!(calls.1.unwrap().content[0]["text"], "Grace");
}

#[tokio::test]
async fn a_server_that_waits_for_a_person_is_not_silent() {
    let server = Scripted::start(asking(Open::default())).await;
    let session = connected(&server, &options(Duration::from_millis(100))).await;
    let call = asked_of("Ada", Duration::from_millis(600));
    let result = session.call_tool(&call, None).await.unwrap();
    assert_eq!(result.content[0]["text"], "Ada");
}

#[tokio::test]
async fn a_server_that_is_silent_for_itself_is_given_up() {
    let silent = |seen: &Seen| {
        let call = seen.method() == "tools/call";
        call.then(|| endless(200, "text/event-stream", ": open\n\n"))
    };
    let server = Scripted::start(silent).await;
    let session = connected(&server, &options(Duration::from_millis(100))).await;
    let call = asked_of("Ada", Duration::ZERO);
    let error = session.call_tool(&call, None).await.unwrap_err();
    assert!(matches!(error, McpError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn questions_that_end_a_call_come_back_and_the_call_goes_on_elsewhere() {
    let ending = |seen: &Seen| {
        if seen.method() != "tools/call" {
            return None;
        }
        let params = &seen.body["params"];
        if params["requestState"] == "st 4te/==" {
            let answer = params["inputResponses"]["who"].to_string();
            return Some(seen.result(json!({"content": [{"type": "text", "text": answer}]})));
        }
        let request = json!({"method": "elicitation/create", "params": {
            "mode": "url", "message": "Go there", "url": "https://pay.example/",
        }});
        Some(seen.result(json!({
            "resultType": "input_required", "inputRequests": {"who": request}, "requestState": "st 4te/==",
        })))
    };
    let server = Scripted::start(ending).await;
    let options = options(Duration::from_secs(20));
    let session = connected(&server, &options).await;
    let call = asked_of("Ada", Duration::ZERO);
    let error = session.call_tool(&call, None).await.unwrap_err();
    let McpError::Asks(inquiry) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(
        &inquiry.questions["who"],
        ElicitRequestParams::UrlElicitationParams { url, .. } if url == "https://pay.example/"
    ));
    // As another process does, later.
    let another = connected(&server, &options).await;
    let mut call = asked_of("Ada", Duration::ZERO);
    call.resuming = Some(Resumption {
        responses: [("who".to_owned(), json!({"action": "accept"}))].into(),
        state: inquiry.state,
    });
    let result = another.call_tool(&call, None).await.unwrap();
    assert_eq!(result.content[0]["text"], r#"{"action":"accept"}"#);
}
