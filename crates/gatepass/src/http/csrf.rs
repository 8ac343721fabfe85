//! Calls that change something are only taken from our own pages.
//!
//! `Sec-Fetch-Site` must be `same-origin` (or `none`: a person, not a page); `same-site` is
//! refused, because another port of localhost is the same site. Browsers without it send `Origin`,
//! which must be ours. Programs send neither, and carry no cookie that could be abused.

use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::{
    config::PublicUrl,
    problem::{Kind, Problem},
};

/// How a refused call is answered.
type Refuse = fn(ProtectionError) -> Response;

/// The layer for an installation at `public`.
pub fn layer(public: &PublicUrl) -> anyhow::Result<CsrfLayer<Refuse>> {
    let refuse: Refuse = |_| {
        Problem::new(
            Kind::CrossSiteRequest,
            "This call was sent by a page of another site, and was not carried out.",
        )
        .into_response()
    };
    Ok(CsrfLayer::new()
        .add_trusted_origin(public.origin())
        .map_err(|error| anyhow::anyhow!("the public URL is no origin: {error:?}"))?
        .with_rejection_response(refuse))
}
