//! A server's questions on their way to the person, and the answers on their way back.

use std::sync::Arc;

use gatepass_chat::{
    Answer,
    ask::{Action, Question},
    host::{Asker, HostError, Inquiry, Resuming},
};
use gatepass_mcp::{
    Interaction, Resumption,
    protocol::{ElicitRequestParams, ElicitResult, ElicitationAction},
};
use mcp_oauth_client::BoxFuture;
use serde_json::Value;
use url::Url;

/// Longest text of a question, in characters.
const LONGEST: usize = 4_000;
/// Largest form, in bytes.
const LARGEST_FORM: usize = 64 * 1024;

/// Nobody is there to answer: a server's questions are declined. A session that has somebody to
/// answer for a call asks them instead; this one lets it say that questions can be asked at all.
pub struct Nobody;

impl Interaction for Nobody {
    fn elicit(&self, _: ElicitRequestParams) -> BoxFuture<'_, ElicitResult> {
        Box::pin(async { ElicitResult::new(ElicitationAction::Decline) })
    }

    fn opens_pages(&self) -> bool {
        true
    }
}

/// The way to the person for one call.
struct Line(Arc<dyn Asker>);

/// The way to the person for one call.
pub fn line(asker: Arc<dyn Asker>) -> Arc<dyn Interaction> {
    Arc::new(Line(asker))
}

impl Interaction for Line {
    fn elicit(&self, request: ElicitRequestParams) -> BoxFuture<'_, ElicitResult> {
        Box::pin(async move {
            let Some(question) = question(request) else {
                return ElicitResult::new(ElicitationAction::Decline);
            };
            result(self.0.ask(question).await)
        })
    }

    fn opens_pages(&self) -> bool {
        true
    }
}

fn result(answer: Answer) -> ElicitResult {
    let action = match answer.action {
        Action::Accept => ElicitationAction::Accept,
        Action::Decline => ElicitationAction::Decline,
        _ => ElicitationAction::Cancel,
    };
    let mut result = ElicitResult::new(action);
    result.content = answer.content.map(Value::Object);
    result
}

/// A question that can be put to a person; nothing if it is too large, or names a page that no
/// browser should open.
fn question(request: ElicitRequestParams) -> Option<Question> {
    match request {
        ElicitRequestParams::FormElicitationParams {
            message,
            requested_schema,
            ..
        } => {
            let requested_schema = serde_json::to_value(requested_schema).ok()?;
            let small = requested_schema.to_string().len() <= LARGEST_FORM;
            small.then(|| Question::Form {
                message: shortened(message),
                requested_schema,
            })
        }
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
            let parsed = Url::parse(&url).ok()?;
            let opens = matches!(parsed.scheme(), "https" | "http")
                && parsed.username().is_empty()
                && parsed.password().is_none();
            (opens && url.len() <= LONGEST).then(|| Question::Url {
                message: shortened(message),
                url,
            })
        }
        _ => None,
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What a server ended its call with.
pub fn inquiry(inquiry: gatepass_mcp::Inquiry) -> HostError {
    let questions = inquiry.questions.into_iter();
    let questions = questions.map(|(key, request)| Some((key, question(request)?)));
    match questions.collect() {
        Some(questions) => HostError::Asks(Inquiry {
            questions,
            state: inquiry.state,
        }),
        None => HostError::Failed(
            "The tool asks a question that cannot be shown: it is too large, or not a web page."
                .to_owned(),
        ),
    }
}

/// The answers as the server wants them.
pub fn resumption(resuming: Resuming) -> Resumption {
    Resumption {
        responses: resuming.responses,
        state: resuming.state,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_web_pages_and_forms_of_a_sound_size_are_put_to_a_person() {
        let page = |url: &str| json!({"mode": "url", "message": "Go there", "url": url});
        let form = |text: usize| {
            let field = json!({"type": "string", "description": "x".repeat(text)});
            json!({"message": "m", "requestedSchema": {"type": "object", "properties": {"a": field}}})
        };
        let table = [
            (page("https://pay.example/1"), true),
            (page("javascript:alert(1)"), false),
            (page("file:///etc/passwd"), false),
            (page("https://user@pay.example/"), false),
            (page("not a url"), false),
            (form(10), true),
            (form(70_000), false),
        ];
        for (request, shown) in table {
            let text = request.to_string();
            let request = serde_json::from_value(request).unwrap();
            assert_eq!(question(request).is_some(), shown, "{}", &text[..60]);
        }
    }
}
