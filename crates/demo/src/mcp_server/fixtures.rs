//! Tools that only exist where the behaviour asks for them: ones that go wrong, and the ones the
//! official conformance suite calls by name.

use std::time::Duration;

use rmcp::{
    RoleServer,
    model::{CallToolResult, ContentBlock, ProgressNotificationParam},
    service::RequestContext,
    tool, tool_router,
};

use super::tools::Tools;

/// The names of these tools.
pub(super) const NAMES: [&str; 6] = [
    "fail",
    "hang",
    "big_result",
    "test_simple_text",
    "test_error_handling",
    "test_tool_with_progress",
];

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
        CallToolResult::success(vec![ContentBlock::text(
            "0123456789".repeat(length.div_ceil(10)),
        )])
    }

    #[tool(
        description = "Returns a short text.",
        annotations(read_only_hint = true)
    )]
    async fn test_simple_text(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::text(
            "This is a simple text response for testing.",
        )])
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
        CallToolResult::success(vec![ContentBlock::text("Progress was reported.")])
    }
}
