//! Which `Host` a request may name.
//!
//! A personal installation trusts whoever can reach its port, so a page of another site that
//! points its own name at 127.0.0.1 (DNS rebinding) must not be taken for ours. An installation
//! behind a proxy has other defences (https, `__Host-` cookies), and probes that name it by address.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    config::PublicUrl,
    problem::{Kind, Problem},
};

/// The names by which a loopback installation may be called.
#[derive(Clone, Debug)]
pub struct Hosts(Option<Arc<Known>>);

#[derive(Debug)]
struct Known {
    public: PublicUrl,
    authority: String,
    names: Vec<String>,
}

impl Hosts {
    /// The names of an installation at `public` that listens on `bound`.
    pub fn new(public: &PublicUrl, bound: SocketAddr) -> Self {
        if !public.is_loopback() {
            return Self(None);
        }
        let authority = public.authority();
        let port = bound.port();
        let mut names = vec![authority.clone(), bound.to_string()];
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            names.push(format!("{host}:{port}"));
        }
        if port == 80 {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        Self(Some(Arc::new(Known {
            public: public.clone(),
            authority,
            names,
        })))
    }
}

/// Refuses requests for other hosts, and sends pages opened at another of our names to the public
/// one: cookies belong to one name, and the authorization server sends people back to that.
pub async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let Some(known) = &hosts.0 else {
        return next.run(request).await;
    };
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok())
        .unwrap_or_default();
    if !known
        .names
        .iter()
        .any(|name| name.eq_ignore_ascii_case(host))
    {
        return Problem::new(
            Kind::UnknownHost,
            format!(
                "This installation is reached at {}, and the request names another host.",
                known.public
            ),
        )
        .into_response();
    }
    if !host.eq_ignore_ascii_case(&known.authority) && is_page(&request) {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        if let Ok(target) = HeaderValue::try_from(known.public.join(path)) {
            return (
                StatusCode::TEMPORARY_REDIRECT,
                [
                    (header::LOCATION, target),
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                ],
            )
                .into_response();
        }
    }
    next.run(request).await
}

/// Whether a person opens a page: not a call, not a probe, not a file of a page.
fn is_page(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::GET
        && (path == "/" || path == "/servers" || path.starts_with("/c/"))
}
