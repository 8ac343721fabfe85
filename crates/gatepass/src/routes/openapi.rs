//! `GET /api/openapi.json`: the API's description, made from the handlers themselves.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use utoipa::{OpenApi, openapi::RefOr};
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
    mut description: utoipa::openapi::OpenApi,
) -> impl Fn() -> std::future::Ready<Response> + Clone {
    name_problems(&mut description);
    move || std::future::ready(Json(&description).into_response())
}

/// Errors come as problems, whose media type the description of a body cannot say.
fn name_problems(description: &mut utoipa::openapi::OpenApi) {
    for item in description.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let Some(RefOr::T(problem)) = operation.responses.responses.get_mut("default") else {
                continue;
            };
            let content = std::mem::take(&mut problem.content);
            problem.content = content
                .into_iter()
                .map(|(_, body)| ("application/problem+json".to_owned(), body))
                .collect();
        }
    }
}
