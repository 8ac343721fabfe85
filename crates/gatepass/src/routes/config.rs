//! `GET /api/config`: what the page needs to know about this installation.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use gatepass_chat::AttachmentKind;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    chat::said::MOST_ATTACHMENTS,
    http::{json::Json, owner::Session},
};

/// This installation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigAnswer {
    /// Its version.
    version: &'static str,
    /// The models on offer.
    models: Vec<ModelAnswer>,
    /// What is wrong with the model endpoint, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_problem: Option<String>,
    /// Servers that it offers to everyone.
    servers: Vec<ServerAnswer>,
    /// What it can do.
    features: Features,
    /// The redirect URI to register where a client has to be registered by hand.
    redirect_uri: String,
    /// Where people open it.
    public_url: String,
    /// What a message may hold.
    limits: MessageLimits,
}

/// A model on offer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelAnswer {
    /// Its id.
    id: String,
    /// Its name for people.
    label: String,
    /// Whether it is the demo's rule-based one, which is no LLM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    /// What may be attached to a message for it: `text`, `image`.
    #[schema(value_type = Vec<String>)]
    attachments: Vec<AttachmentKind>,
}

/// What a message may hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageLimits {
    /// Most bytes of its text, text files included.
    message_bytes: usize,
    /// Most bytes of its pictures.
    attachment_bytes: usize,
    /// Most files.
    attachments: usize,
}

/// A server on offer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerAnswer {
    /// Its name.
    name: String,
    /// Its MCP endpoint.
    url: String,
    /// One line about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// What this installation can do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Whether the demo runs here.
    demo: bool,
    /// Whether there is a model to chat with.
    chat: bool,
    /// Whether conversations are kept.
    conversations: bool,
    /// Whether servers on this very machine can be reached.
    loopback_servers: bool,
}

/// What the page needs to know; opening it moves the end of the session away.
#[utoipa::path(
    get,
    path = "/api/config",
    tag = "installation",
    responses((status = 200, body = ConfigAnswer), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn config(State(app): State<Arc<App>>, session: Session) -> Response {
    session.renew();
    let offer = app.models.offer().await;
    let answer = ConfigAnswer {
        version: env!("CARGO_PKG_VERSION"),
        features: Features {
            demo: app.config.demo.value,
            chat: !offer.models.is_empty(),
            conversations: true,
            loopback_servers: app.config.egress.value == crate::config::EgressMode::Loopback,
        },
        models: offer
            .models
            .into_iter()
            .map(|model| ModelAnswer {
                id: model.id,
                label: model.label,
                demo: model.demo,
                attachments: model.attachments,
            })
            .collect(),
        model_problem: offer.problem,
        servers: app
            .presets
            .iter()
            .map(|server| ServerAnswer {
                name: server.name.clone(),
                url: server.url.to_string(),
                description: server.description.clone(),
            })
            .collect(),
        redirect_uri: app.public.redirect_uri(),
        public_url: app.public.origin(),
        limits: MessageLimits {
            message_bytes: app.config.limits.message_bytes,
            attachment_bytes: app.config.limits.attachment_bytes,
            attachments: MOST_ATTACHMENTS,
        },
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}
