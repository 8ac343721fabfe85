//! Tools that only exist where the behaviour asks for them: ones that go wrong, and the ones the
//! official conformance suite calls by name, one for each kind of content a host must show.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    handler::server::{tool::InputResponses as Inputs, wrapper::Parameters},
    model::{
        CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, ElicitRequest,
        ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult, JsonObject,
        ProgressNotificationParam, ResourceContents,
    },
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::tools::Tools;

/// The names of these tools.
pub(super) const NAMES: [&str; 16] = [
    "fail",
    "hang",
    "big_result",
    "json_schema_2020_12_tool",
    "test_audio_content",
    "test_embedded_resource",
    "test_error_handling",
    "test_image_content",
    "test_logging_tool",
    "test_missing_capability",
    "test_multiple_content_types",
    "test_param_header",
    "test_simple_text",
    "test_streaming_elicitation",
    "test_tool_with_progress",
    "test_url_elicitation",
];

/// A PNG of one red pixel.
const RED_PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// A WAV without samples.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

#[derive(Deserialize, JsonSchema)]
struct ParamHeader {
    /// A region, repeated in an HTTP header so that gateways can route by it.
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn resource(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

#[tool_router(router = test_tools, vis = "pub(super)")]
impl Tools {
    #[tool(description = "Always fails.", annotations(read_only_hint = true))]
    async fn fail(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("This tool always fails.")])
    }

    #[tool(description = "Never answers.", annotations(read_only_hint = true))]
    async fn hang(&self, context: RequestContext<RoleServer>) -> CallToolResult {
        context.ct.cancelled().await;
        CallToolResult::error(vec![ContentBlock::text("The call was cancelled.")])
    }

    #[tool(
        description = "Returns a very long text.",
        annotations(read_only_hint = true)
    )]
    async fn big_result(&self) -> CallToolResult {
        let length = self.app.behaviour().mcp.big_result_bytes;
        text(&"0123456789".repeat(length.div_ceil(10)))
    }

    #[tool(
        description = "Returns a short text.",
        annotations(read_only_hint = true)
    )]
    async fn test_simple_text(&self) -> CallToolResult {
        text("This is a simple text response for testing.")
    }

    #[tool(
        description = "Returns an error result.",
        annotations(read_only_hint = true)
    )]
    async fn test_error_handling(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(
            "This tool intentionally returns an error for testing",
        )])
    }

    #[tool(
        description = "Reports progress thrice.",
        annotations(read_only_hint = true)
    )]
    async fn test_tool_with_progress(&self, context: RequestContext<RoleServer>) -> CallToolResult {
        if let Some(token) = context.meta.get_progress_token() {
            for progress in [0.0, 50.0, 100.0] {
                let notification =
                    ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
                let _ = context.peer.notify_progress(notification).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        text("Progress was reported.")
    }

    #[tool(description = "Returns an image.", annotations(read_only_hint = true))]
    async fn test_image_content(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::image(RED_PIXEL, "image/png")])
    }

    #[tool(description = "Returns a sound.", annotations(read_only_hint = true))]
    async fn test_audio_content(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::audio(SILENCE, "audio/wav")])
    }

    #[tool(
        description = "Returns an embedded resource.",
        annotations(read_only_hint = true)
    )]
    async fn test_embedded_resource(&self) -> CallToolResult {
        CallToolResult::success(vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )])
    }

    #[tool(
        description = "Returns text, an image and a resource at once.",
        annotations(read_only_hint = true)
    )]
    async fn test_multiple_content_types(&self) -> CallToolResult {
        CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(RED_PIXEL, "image/png"),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ])
    }

    #[tool(
        description = "Returns a text and never logs, as this server has no logging.",
        annotations(read_only_hint = true)
    )]
    async fn test_logging_tool(&self) -> CallToolResult {
        text("Nothing was logged.")
    }

    #[tool(
        description = "Needs a client that can sample from a model.",
        annotations(read_only_hint = true)
    )]
    async fn test_missing_capability(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let declared = context.client_capabilities().unwrap_or_default();
        if declared.sampling.is_some() {
            return Ok(text("The client declares sampling."));
        }
        let required: ClientCapabilities =
            serde_json::from_value(json!({"sampling": {}})).unwrap_or_default();
        Err(ErrorData::missing_required_client_capability(required))
    }

    #[tool(
        description = "Asks the user for a name before it answers.",
        annotations(read_only_hint = true)
    )]
    async fn test_streaming_elicitation(
        &self,
        Inputs(inputs): Inputs,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = inputs
            .as_ref()
            .and_then(|inputs| inputs.get("name"))
            .and_then(|input| input["content"]["name"].as_str());
        if let Some(name) = given {
            return Ok(text(&format!("Hello, {name}.")).into());
        }
        let schema = json!({
            "type": "object",
            "properties": {"name": {"type": "string", "description": "Your name"}},
            "required": ["name"],
        });
        let schema = serde_json::from_value(schema)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let question = ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: "What is your name?".to_owned(),
            requested_schema: schema,
        });
        let mut questions = InputRequests::new();
        questions.insert("name".to_owned(), InputRequest::Elicitation(question));
        Ok(InputRequiredResult::new(Some(questions), None).into())
    }

    #[tool(
        description = "Takes an argument that also travels as an HTTP header.",
        annotations(read_only_hint = true)
    )]
    async fn test_param_header(
        &self,
        Parameters(ParamHeader { region }): Parameters<ParamHeader>,
    ) -> CallToolResult {
        text(&format!("The region is {region}."))
    }

    #[tool(
        name = "json_schema_2020_12_tool",
        description = "Tool with JSON Schema 2020-12 features",
        input_schema = contact_schema(),
        annotations(read_only_hint = true)
    )]
    async fn json_schema_2020_12_tool(&self) -> CallToolResult {
        text("ok")
    }
}

/// A schema with definitions, an anchor, composition and conditions.
fn contact_schema() -> Arc<JsonObject> {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    });
    match schema {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::default(),
    }
}
