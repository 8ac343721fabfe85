//! JSON bodies, queries and paths whose faults are problems.

use std::time::Duration;

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::problem::{Kind, Problem};

/// How long a body may take to come, however steadily it drips.
const BODY: Duration = Duration::from_secs(60);

/// A JSON body, as [`axum::Json`], in and out.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::<T>::from_request(request, state);
        match tokio::time::timeout(BODY, body).await {
            Ok(Ok(axum::Json(value))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(body_problem(&rejection)),
            Err(_) => Err(Problem::new(
                Kind::RequestTimeout,
                "The body of the request did not come within a minute.",
            )),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn body_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            Kind::UnsupportedMediaType,
            "The body must be sent as application/json.",
        ),
        rejection if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            Kind::RequestTooLarge,
            "The body is larger than this call accepts.",
        ),
        JsonRejection::JsonSyntaxError(error) => Problem::new(
            Kind::InvalidRequest,
            format!("The body is not valid JSON: {}.", cause(error)),
        ),
        rejection => Problem::new(
            Kind::InvalidRequest,
            format!("The body does not fit this call: {}.", cause(rejection)),
        ),
    }
}

/// The innermost cause, which names the field and the place.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    text.trim_end_matches('.').chars().take(300).collect()
}

/// A query, as [`axum::extract::Query`].
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection: QueryRejection| {
                Problem::new(
                    Kind::InvalidRequest,
                    format!("The query does not fit this call: {}.", cause(&rejection)),
                )
            })
    }
}

/// Path parameters, as [`axum::extract::Path`]. A malformed one names nothing that exists.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_: PathRejection| {
                Problem::new(Kind::NotFound, "There is nothing at this address.")
            })
    }
}
