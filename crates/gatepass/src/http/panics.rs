//! A panic ends one request, not the server, and says so as a problem.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The response in place of a handler that panicked. The panic's message may quote anything, so it
/// goes nowhere; the panic hook has logged where it happened.
pub fn answer(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a request handler panicked").into_response()
}
