//! Endpoints that do not answer: what is said, and who must act.

use gatepass_chat::ModelError;
use mcp_oauth_client::TransportFailure::{self, *};
use serde_json::json;

use crate::{
    answers::listen,
    script::{Answer, Piece, chunk, end, event, piece},
};

async fn error(answer: Answer) -> ModelError {
    listen(answer).await.unwrap_err()
}

/// One line of the table: what happens, the sentence, who must act.
async fn line(what: &str, answer: Answer) -> String {
    let error = error(answer).await;
    format!("{what}\n    {error}\n    {:?}\n", error.recovery())
}

fn json(status: u16, body: serde_json::Value) -> Answer {
    Answer::plain(status, "application/json", body.to_string())
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_who_must_act() {
    let says = |text: &str| json!({"error": {"message": text, "type": "invalid_request_error"}});
    let table = [
        (
            "a wrong key",
            json(401, says("Incorrect API key provided: sk-12345")),
        ),
        ("a key without the right", json(403, says("no access"))),
        (
            "too many requests",
            json(429, says("slow down")).with("retry-after", "20"),
        ),
        ("no more credit", json(402, says("Insufficient credits"))),
        (
            "a conversation that is too long",
            json(
                400,
                says("This model's maximum context length is 8192 tokens."),
            ),
        ),
        (
            "an unknown model",
            json(404, json!({"error": "model \"small\" not found"})),
        ),
        (
            "an error in other words",
            json(422, json!({"detail": "bad tools"})),
        ),
        (
            "a refusal without words",
            Answer::plain(400, "text/plain", ""),
        ),
        (
            "trouble",
            Answer::plain(503, "text/html", "<h1>down</h1>").with("retry-after", "7"),
        ),
        (
            "a web page for a refusal",
            Answer::plain(404, "text/html", "<h1>Not here</h1>"),
        ),
    ];
    let mut said = String::new();
    for (what, answer) in table {
        said.push_str(&line(what, answer).await);
    }
    insta::assert_snapshot!(said, @r#"
    a wrong key
        The model at model.example does not accept the key that this installation uses. Its administrator must set another.
        Reconfigure { who: Admin }
    a key without the right
        The model at model.example does not accept the key that this installation uses. Its administrator must set another.
        Reconfigure { who: Admin }
    too many requests
        The model at model.example is busy. Try again in a moment.
        Retry { after: Some(20s) }
    no more credit
        The model at model.example refused the request (status 402): Insufficient credits
        Reconfigure { who: You }
    a conversation that is too long
        The model at model.example refused the request (status 400): This model's maximum context length is 8192 tokens.
        Reconfigure { who: You }
    an unknown model
        The model at model.example refused the request (status 404): model "small" not found
        Reconfigure { who: You }
    an error in other words
        The model at model.example refused the request (status 422): bad tools
        Reconfigure { who: You }
    a refusal without words
        The model at model.example refused the request (status 400).
        Reconfigure { who: You }
    trouble
        The model at model.example has an error of its own (status 503). Try again.
        Retry { after: None }
    a web page for a refusal
        The model at model.example refused the request (status 404).
        Reconfigure { who: You }
    "#);
}

#[tokio::test]
async fn nonsense_is_called_what_it_is() {
    let events = |text: &str| Answer::stream([piece(text)]);
    let table = [
        (
            "a web page",
            Answer::plain(200, "text/html", "\n <!doctype html><p>Welcome"),
        ),
        ("nothing", Answer::plain(200, "application/json", "")),
        ("text", Answer::plain(200, "text/plain", "OK")),
        ("other JSON", json(200, json!({"hello": "world"}))),
        ("no choices", json(200, json!({"choices": []}))),
        ("an empty stream", events("")),
        ("a stream of marks", events("data: [DONE]\n\n")),
        ("a stream of text", events("data: hello\n\n")),
        ("a stream of lines", events("hello\nworld\n")),
        (
            "a web page called a stream",
            events("<!doctype html>\n<p>Welcome\n"),
        ),
        ("half a chunk", events("data: {\"choices\": [\n\n")),
        (
            "bytes that are no text",
            Answer::stream([Piece::Bytes(b"data: \xff\xfe\n\n".as_slice().into())]),
        ),
    ];
    let mut said = String::new();
    for (what, answer) in table {
        said.push_str(&line(what, answer).await);
    }
    insta::assert_snapshot!(said, @r#"
    a web page
        The model at model.example answered with something that is not a chat completion: it is a web page.
        Reconfigure { who: Admin }
    nothing
        The model at model.example answered with something that is not a chat completion: it is empty.
        Reconfigure { who: Admin }
    text
        The model at model.example answered with something that is not a chat completion: it is not JSON.
        Reconfigure { who: Admin }
    other JSON
        The model at model.example answered with something that is not a chat completion: it holds no answer.
        Reconfigure { who: Admin }
    no choices
        The model at model.example answered with something that is not a chat completion: it holds no answer.
        Reconfigure { who: Admin }
    an empty stream
        The model at model.example answered with something that is not a chat completion: it holds no answer.
        Reconfigure { who: Admin }
    a stream of marks
        The model at model.example answered with something that is not a chat completion: it holds no answer.
        Reconfigure { who: Admin }
    a stream of text
        The model at model.example answered with something that is not a chat completion: it is not JSON.
        Reconfigure { who: Admin }
    a stream of lines
        The model at model.example answered with something that is not a chat completion: it is no stream of events.
        Reconfigure { who: Admin }
    a web page called a stream
        The model at model.example answered with something that is not a chat completion: it is no stream of events.
        Reconfigure { who: Admin }
    half a chunk
        The model at model.example answered with something that is not a chat completion: it is not JSON.
        Reconfigure { who: Admin }
    bytes that are no text
        The model at model.example answered with something that is not a chat completion: it is no stream of events.
        Reconfigure { who: Admin }
    "#);
}

#[tokio::test]
async fn an_endpoint_out_of_reach_is_told_from_one_that_stops() {
    let mut said = String::new();
    for failure in [
        Refused,
        Dns,
        Connect,
        Tls,
        Timeout,
        TransportFailure::Broken,
        TooLarge,
        Redirect,
    ] {
        said.push_str(&line(&format!("{failure:?} before"), Answer::Fails(failure)).await);
    }
    for failure in [Timeout, TransportFailure::Broken, TooLarge] {
        let answer = Answer::stream([
            event(&chunk(json!({"content": "Once"}))),
            Piece::Fails(failure),
        ]);
        said.push_str(&line(&format!("{failure:?} meanwhile"), answer).await);
    }
    insta::assert_snapshot!(said, @r#"
    Refused before
        The model at model.example could not be reached: the connection did not hold.
        Reconfigure { who: Admin }
    Dns before
        The model at model.example could not be reached: the connection did not hold.
        Retry { after: None }
    Connect before
        The model at model.example could not be reached: the connection did not hold.
        Retry { after: None }
    Tls before
        The model at model.example could not be reached: the connection did not hold.
        Retry { after: None }
    Timeout before
        The model at model.example has not answered in time.
        Retry { after: None }
    Broken before
        The model at model.example could not be reached: the connection did not hold.
        Retry { after: None }
    TooLarge before
        The model at model.example answered with something that is not a chat completion: it is too large.
        Reconfigure { who: Admin }
    Redirect before
        The model at model.example could not be reached: the connection did not hold.
        Reconfigure { who: Admin }
    Timeout meanwhile
        The model at model.example has not answered in time.
        Retry { after: None }
    Broken meanwhile
        The model at model.example stopped in the middle of its answer.
        Retry { after: None }
    TooLarge meanwhile
        The model at model.example answered with something that is not a chat completion: it is too large.
        Reconfigure { who: Admin }
    "#);
}

#[tokio::test]
async fn an_error_within_a_stream_is_an_error() {
    for error in [json!({"message": "Overloaded"}), json!("Overloaded")] {
        let answer = Answer::events(&[chunk(json!({"content": "Once"})), json!({"error": error})]);
        let error = self::error(answer).await;
        assert!(error.to_string().ends_with(": Overloaded"), "{error}");
    }
}

#[tokio::test]
async fn a_stream_that_just_ends_is_not_taken_for_an_answer() {
    let answer = Answer::stream([event(&chunk(json!({"content": "Once upon"})))]);
    assert!(matches!(error(answer).await, ModelError::Broken { .. }));
    let half = format!("data: {}", end("stop"));
    let answer = Answer::stream([event(&chunk(json!({"content": "Once"}))), piece(half)]);
    assert!(matches!(error(answer).await, ModelError::Broken { .. }));
}

#[tokio::test]
async fn what_an_endpoint_says_is_bounded_and_plain() {
    let text = format!("\u{1b}[31m\r\n{}", "x".repeat(10_000));
    let said = error(json(400, json!({"error": {"message": text}}))).await;
    let said = said.to_string();
    assert!(said.contains("[31mxxx") && said.len() < 400, "{said}");
    assert!(!said.contains(char::is_control), "{said}");
}

#[tokio::test]
async fn a_key_is_not_repeated_even_if_the_endpoint_does() {
    let body = json!({"error": {"message": "Incorrect API key provided: a-key"}});
    let error = error(json(401, body)).await;
    assert!(!error.to_string().contains("a-key"));
    assert!(!format!("{error:?}").contains("a-key"));
}
