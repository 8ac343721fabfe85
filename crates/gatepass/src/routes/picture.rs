//! `POST /api/picture`: a picture that an answer names, for a person who wants to see it.
//!
//! The page never loads it itself: its host would learn who reads the answer, and an answer could
//! carry data away in a picture's address. Fetched here, on a click, it learns of the installation.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use gatepass_chat::attachment::picture_type;
use gatepass_mcp::{StreamLimits, StreamingTransport};
use mcp_oauth_client::{Request, TransportError, TransportFailure};
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use crate::{
    app::App,
    http::json::Json,
    problem::{Kind, Problem},
};

/// Most bytes of a picture.
const MOST_BYTES: usize = 5 * 1024 * 1024;
/// Bounds of fetching one.
const LIMITS: StreamLimits = StreamLimits {
    header: Duration::from_secs(10),
    idle: Duration::from_secs(5),
    total: Some(Duration::from_secs(20)),
    max_body: MOST_BYTES as u64,
};

/// Which picture.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PictureRequest {
    /// Its https URL.
    url: String,
}

/// Fetch a picture that an answer names, because the person wants to see it. PNG, JPEG, GIF and
/// WebP, by their content; no redirect is followed and nothing of the person is told.
#[utoipa::path(
    post,
    path = "/api/picture",
    tag = "chat",
    request_body = PictureRequest,
    responses(
        (status = 200, description = "The picture", content_type = "image/*"),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn picture(
    State(app): State<Arc<App>>,
    Json(request): Json<PictureRequest>,
) -> Result<Response, Problem> {
    let url = Url::parse(&request.url).ok();
    let url = url.filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
    });
    let Some(url) = url else {
        return Err(Problem::new(
            Kind::InvalidRequest,
            "That is not the address of a picture.",
        ));
    };
    app.egress.check(&url).map_err(|error| failed(&error))?;
    let mut outgoing = Request::new(Bytes::new());
    *outgoing.method_mut() = Method::GET;
    *outgoing.uri_mut() = url.as_str().parse().map_err(|_| {
        Problem::new(
            Kind::InvalidRequest,
            "That is not the address of a picture.",
        )
    })?;
    outgoing
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static("image/*"));
    let response = app.egress.open(outgoing, LIMITS).await;
    let response = response.map_err(|error| failed(&error))?;
    if !response.status().is_success() {
        return Err(Problem::new(
            Kind::ServerFailing,
            format!(
                "{} has no such picture (status {}).",
                url.host_str().unwrap_or_default(),
                response.status().as_u16()
            ),
        ));
    }
    let mut body = response.into_body();
    let mut content = Vec::new();
    while let Some(piece) = body.next().await {
        content.extend_from_slice(&piece.map_err(|error| failed(&error))?);
    }
    let Some(media_type) = picture_type(&content) else {
        return Err(Problem::new(
            Kind::InvalidRequest,
            format!(
                "What {} sends is no picture (PNG, JPEG, GIF, WebP).",
                url.host_str().unwrap_or_default()
            ),
        ));
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        // Opened by itself it is a file, never a page of ours.
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, content).into_response())
}

fn failed(error: &TransportError) -> Problem {
    let kind = match error.failure {
        TransportFailure::Refused => Kind::AddressRefused,
        TransportFailure::Redirect => Kind::ServerFailing,
        TransportFailure::TooLarge => Kind::RequestTooLarge,
        _ => Kind::ServerUnreachable,
    };
    let detail = match error.failure {
        TransportFailure::TooLarge => "The picture has more than 5 MiB.".to_owned(),
        _ => crate::problem::map::sentence(error),
    };
    Problem::new(kind, detail)
}
