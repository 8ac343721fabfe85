//! A panic ends one request, not the server, and says so as a problem.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The response in place of a handler that panicked. The panic's message may quote anything, so it
/// goes nowhere; the panic hook has logged where it happened.
pub fn answer(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a request handler panicked").into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::Request, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn panics() -> &'static str {
        panic!("token=hunter2")
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_repeats_nothing() {
        let router = Router::new()
            .route("/", get(panics))
            .layer(CatchPanicLayer::custom(super::answer));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.contains("/problems/internal") && !text.contains("hunter2"),
            "{text}"
        );
    }
}
