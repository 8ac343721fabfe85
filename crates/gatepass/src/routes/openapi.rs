//! `GET /api/openapi.json`: the API's description, made from the handlers themselves.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, problem::ProblemBody};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatepass",
        description = "Connect to remote MCP servers behind OAuth, call their tools, chat with them. \
            Errors are problem details (RFC 9457). Calls that change something are only taken from \
            the installation's own pages; programs outside a browser may call them too. The owner \
            cookie says whose connections and conversations a call is about.",
    ),
    components(schemas(ProblemBody<'_>))
)]
struct Description;

/// The API's calls, with their description.
pub fn documented() -> OpenApiRouter<std::sync::Arc<App>> {
    OpenApiRouter::with_openapi(Description::openapi())
}

/// Serves a description.
pub fn serve(
    description: utoipa::openapi::OpenApi,
) -> impl Fn() -> std::future::Ready<Response> + Clone {
    move || std::future::ready(Json(&description).into_response())
}
