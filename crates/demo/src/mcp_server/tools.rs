//! The tools, on rmcp's server half.

use std::{borrow::Cow, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, tool::ToolCallContext, wrapper::Parameters},
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
        ServerCapabilities, ServerConfig, Tool,
    },
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{calculator, fixtures, units};
use crate::{
    authorization_server::Caller,
    behaviour::Revisions,
    record::{RecordedToolCall, lock},
    shared::App,
};

const MAX_STEPS: u32 = 60;
const STEP: Duration = Duration::from_millis(400);

/// The handler of one session, or of one request where there are no sessions.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(super) app: App,
    router: ToolRouter<Self>,
}

#[derive(Deserialize, JsonSchema)]
struct AddNumbers {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Deserialize, JsonSchema)]
struct Calculate {
    /// Arithmetic with + - * / % ^ and parentheses, such as "12 * (3 + 4)".
    expression: String,
}

#[derive(Deserialize, JsonSchema)]
struct CurrentTime {
    /// An IANA time zone such as "Europe/Paris" or "UTC". UTC when left out.
    #[serde(default)]
    time_zone: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct ConvertUnits {
    /// The value to convert.
    value: f64,
    /// The unit it is in, such as "km", "pounds" or "celsius".
    from: String,
    /// The unit to convert it to.
    to: String,
}

#[derive(Deserialize, JsonSchema)]
struct SearchNotes {
    /// Words that must all be in the note. All notes when left out.
    #[serde(default)]
    query: String,
}

#[derive(Deserialize, JsonSchema)]
struct CreateNote {
    /// The note, up to 2000 characters.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct SlowCount {
    /// How far to count: 1 to 60.
    #[schemars(range(min = 1, max = 60))]
    to: u32,
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn failed(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// A text for people and the same as data for programs.
fn answer(words: String, data: Value) -> CallToolResult {
    let mut result = CallToolResult::structured(data);
    result.content = vec![ContentBlock::text(words)];
    result
}

#[tool_router]
impl Tools {
    pub(super) fn new(app: App) -> Self {
        Self {
            app,
            router: Self::tool_router() + Self::asking_tools() + Self::test_tools(),
        }
    }

    #[tool(
        title = "Add two numbers",
        description = "Adds two numbers and returns the sum.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn add_numbers(
        &self,
        Parameters(AddNumbers { a, b }): Parameters<AddNumbers>,
    ) -> CallToolResult {
        let sum = a + b;
        answer(format!("{a} + {b} = {sum}"), json!({"sum": sum}))
    }

    #[tool(
        title = "Calculate",
        description = "Works out an arithmetic expression.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn calculate(
        &self,
        Parameters(Calculate { expression }): Parameters<Calculate>,
    ) -> CallToolResult {
        match calculator::evaluate(&expression) {
            Ok(value) => answer(
                format!("{} = {value}", expression.trim()),
                json!({"value": value}),
            ),
            Err(reason) => failed(format!("That cannot be worked out: {reason}.")),
        }
    }

    #[tool(
        title = "Current time",
        description = "Tells the current date and time in a time zone.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn current_time(
        &self,
        Parameters(CurrentTime { time_zone }): Parameters<CurrentTime>,
    ) -> CallToolResult {
        let name = time_zone.as_deref().map_or("UTC", str::trim);
        let Ok(zone) = jiff::tz::TimeZone::get(name) else {
            return failed(format!(
                "There is no time zone {name:?}. Use an IANA name such as \"Asia/Tokyo\"."
            ));
        };
        let Ok(now) = jiff::Timestamp::from_millisecond(self.app.now().as_millis()) else {
            return failed("The clock is out of range.");
        };
        let local = now.to_zoned(zone);
        answer(
            format!("{} in {name}", local.strftime("%A, %-d %B %Y, %H:%M")),
            json!({"time": local.to_string(), "timeZone": name}),
        )
    }

    #[tool(
        title = "Convert units",
        description = "Converts a value between units of length, mass, volume, time or temperature.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn convert_units(
        &self,
        Parameters(ConvertUnits { value, from, to }): Parameters<ConvertUnits>,
    ) -> CallToolResult {
        match units::convert(value, &from, &to) {
            Ok(converted) => {
                let rounded = (converted * 1e6).round() / 1e6;
                answer(
                    format!("{value} {from} = {rounded} {to}"),
                    json!({"value": rounded}),
                )
            }
            Err(reason) => failed(format!("That cannot be converted: {reason}.")),
        }
    }

    #[tool(
        title = "Search notes",
        description = "Finds the signed-in user's notes that contain all given words.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn search_notes(
        &self,
        Parameters(SearchNotes { query }): Parameters<SearchNotes>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let found = lock(&self.app.notes).search(&account(&context), &query);
        let words = if found.is_empty() {
            "No notes found.".to_owned()
        } else {
            found
                .iter()
                .map(|note| format!("#{} {}", note.number, note.text))
                .collect::<Vec<_>>()
                .join("\n")
        };
        answer(words, json!({"notes": found}))
    }

    #[tool(
        title = "Create a note",
        description = "Keeps a note for the signed-in user.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn create_note(
        &self,
        Parameters(CreateNote { text: note }): Parameters<CreateNote>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        match lock(&self.app.notes).create(&account(&context), &note) {
            Ok(note) => answer(
                format!("Noted as #{}: {}", note.number, note.text),
                json!({"number": note.number}),
            ),
            Err(reason) => failed(reason),
        }
    }

    #[tool(
        title = "Count slowly",
        description = "Counts up, step by step, and reports its progress.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn slow_count(
        &self,
        Parameters(SlowCount { to }): Parameters<SlowCount>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        if !(1..=MAX_STEPS).contains(&to) {
            return failed(format!("Choose a number from 1 to {MAX_STEPS}."));
        }
        let token = context.meta.get_progress_token();
        for step in 1..=to {
            tokio::select! {
                () = context.ct.cancelled() => return failed("The count was cancelled."),
                () = tokio::time::sleep(STEP) => {}
            }
            if let Some(token) = token.clone() {
                let progress = ProgressNotificationParam::new(token, f64::from(step))
                    .with_total(f64::from(to))
                    .with_message(format!("Counted to {step}"));
                // Progress is a courtesy: the count goes on if nobody listens.
                let _ = context.peer.notify_progress(progress).await;
            }
        }
        text(format!("Counted to {to}."))
    }
}

/// Whose notes: the account behind the request's token; on an open server everybody is one.
pub(super) fn account(context: &RequestContext<RoleServer>) -> String {
    caller(context).map_or_else(|| "everybody".to_owned(), |caller| caller.account.clone())
}

fn caller(context: &RequestContext<RoleServer>) -> Option<&Caller> {
    context
        .extensions
        .get::<http::request::Parts>()?
        .extensions
        .get::<Caller>()
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("gatepass-demo", env!("CARGO_PKG_VERSION"))
                    .with_title("Gatepass demo tools"),
            )
            .with_instructions(
                "Small tools to try things out: arithmetic, time, units, notes, a slow count.",
            )
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(match self.app.behaviour().mcp.revisions {
            Revisions::All => ProtocolVersion::KNOWN_VERSIONS,
            Revisions::Handshake => {
                ProtocolVersion::known_up_to(&ProtocolVersion::LATEST_WITH_INITIALIZE)
            }
            Revisions::Stateless => &[ProtocolVersion::V_2026_07_28],
        })
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools = self.router.list_all();
        tools.retain(|tool| self.offers(&tool.name));
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !self.offers(&request.name) || self.router.get(&request.name).is_none() {
            let reason = format!("there is no tool {:?}", request.name);
            return Err(ErrorData::invalid_params(reason, None));
        }
        self.app.record.tool_called(RecordedToolCall {
            at: self.app.now(),
            account: caller(&context).map(|caller| caller.account.clone()),
            tool: request.name.to_string(),
            arguments: request.arguments.clone().map_or(Value::Null, Value::Object),
        });
        self.router
            .call(ToolCallContext::new(self, request, context))
            .await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.router.get(name).filter(|_| self.offers(name)).cloned()
    }
}

impl Tools {
    fn offers(&self, tool: &str) -> bool {
        !fixtures::NAMES.contains(&tool) || self.app.behaviour().mcp.test_tools
    }
}
