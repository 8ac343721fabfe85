//! Tools that need a person: one that destroys something, and ones that ask a question before
//! they answer.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    handler::server::{tool::InputResponses as Inputs, wrapper::Parameters},
    model::{
        CallToolResponse, CallToolResult, ClientResult, ContentBlock, ElicitRequest,
        ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult, ServerRequest,
    },
    schemars::{self, JsonSchema},
    service::{PeerRequestOptions, RequestContext},
    tool, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::tools::{Tools, account};
use crate::record::lock;

/// How long a person has.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The name of the one question of each of these tools.
const QUESTION: &str = "question";

#[derive(Deserialize, JsonSchema)]
struct DeleteNote {
    /// The note's number.
    number: u64,
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn failed(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// How far a question got.
enum Asked {
    /// The person's answer: `action`, and `content` if they filled in a form.
    Answered(Value),
    /// The call is to be made again with the answer.
    NotYet(CallToolResponse),
    /// Whoever calls cannot ask anybody.
    Never,
}

#[tool_router(router = asking_tools, vis = "pub(super)")]
impl Tools {
    #[tool(
        title = "Delete a note",
        description = "Deletes one of the signed-in user's notes for good.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn delete_note(
        &self,
        Parameters(DeleteNote { number }): Parameters<DeleteNote>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        match lock(&self.app.notes).delete(&account(&context), number) {
            true => text(format!("Note #{number} is deleted.")),
            false => failed(format!("There is no note #{number}.")),
        }
    }

    #[tool(
        title = "Book a table",
        description = "Books a table for tonight in a restaurant that does not exist. Asks for how many.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            open_world_hint = false
        )
    )]
    async fn book_table(
        &self,
        Inputs(inputs): Inputs,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let form = json!({
            "mode": "form",
            "message": "For how many people is the table, and in whose name?",
            "requestedSchema": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "title": "Name", "minLength": 1, "maxLength": 60},
                    "guests": {"type": "integer", "title": "Guests", "minimum": 1, "maximum": 12},
                    "window": {"type": "boolean", "title": "At the window", "default": false},
                    "time": {
                        "type": "string", "title": "Time",
                        "oneOf": [{"const": "19:00", "title": "Seven"}, {"const": "20:30", "title": "Half past eight"}],
                    },
                },
                "required": ["name", "guests"],
            },
        });
        let answer = match ask(&inputs, &context, form).await? {
            Asked::Answered(answer) => answer,
            Asked::NotYet(response) => return Ok(response),
            Asked::Never => return Ok(failed("Nobody can be asked for how many.").into()),
        };
        let content = &answer["content"];
        let booked = match (
            answer["action"].as_str(),
            &content["name"],
            &content["guests"],
        ) {
            (Some("accept"), Value::String(name), Value::Number(guests)) => text(format!(
                "A table for {guests} is booked in the name of {name}."
            )),
            (Some("accept"), ..) => failed("The answer lacks a name or the number of guests."),
            (Some("decline"), ..) => {
                text("No table is booked: you did not want to say for how many.")
            }
            _ => text("No table is booked."),
        };
        Ok(booked.into())
    }

    #[tool(
        description = "Sends the user to a page of this server, and answers once they have been there.",
        annotations(read_only_hint = true)
    )]
    async fn test_url_elicitation(
        &self,
        Inputs(inputs): Inputs,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let page = json!({
            "mode": "url",
            "message": "Please look at this page.",
            "url": format!("{}/", self.app.origin),
            "elicitationId": "page",
        });
        let answer = match ask(&inputs, &context, page).await? {
            Asked::Answered(answer) => answer,
            Asked::NotYet(response) => return Ok(response),
            Asked::Never => return Ok(failed("Nobody can be sent to a page.").into()),
        };
        Ok(text(format!(
            "The answer is: {}.",
            answer["action"].as_str().unwrap_or("none")
        ))
        .into())
    }
}

/// Asks a question the way the caller's revision has it: while the call is held open, or by ending
/// it until it comes again with the answer.
async fn ask(
    inputs: &Option<impl serde::Serialize>,
    context: &RequestContext<RoleServer>,
    params: Value,
) -> Result<Asked, ErrorData> {
    let given = inputs
        .as_ref()
        .and_then(|inputs| serde_json::to_value(inputs).ok());
    if let Some(answer) = given.and_then(|given| given.get(QUESTION).cloned()) {
        return Ok(Asked::Answered(answer));
    }
    let capabilities = context.client_capabilities().unwrap_or_default();
    if capabilities.elicitation.is_none() {
        return Ok(Asked::Never);
    }
    let internal =
        |error: &dyn std::fmt::Display| ErrorData::internal_error(error.to_string(), None);
    let params: ElicitRequestParams =
        serde_json::from_value(params).map_err(|error| internal(&error))?;
    let question = ElicitRequest::new(params);
    if context
        .protocol_version()
        .is_some_and(|version| version.has_initialize())
    {
        let request = ServerRequest::ElicitRequest(question);
        let options = PeerRequestOptions::with_timeout(PATIENCE);
        let asked = context
            .peer
            .send_request_with_option(request, options)
            .await;
        let handle = asked.map_err(|error| internal(&error))?;
        return match handle.await_response().await {
            Ok(ClientResult::ElicitResult(answer)) => Ok(Asked::Answered(
                serde_json::to_value(answer).map_err(|error| internal(&error))?,
            )),
            Ok(_) => Err(internal(&"the answer is of another kind")),
            Err(error) => Err(internal(&error)),
        };
    }
    let mut questions = InputRequests::new();
    questions.insert(QUESTION.to_owned(), InputRequest::Elicitation(question));
    let response = InputRequiredResult::new(Some(questions), None).into();
    Ok(Asked::NotYet(response))
}
