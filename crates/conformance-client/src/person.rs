//! The person at the authorization server's page: goes there and comes back.

use ::http::{HeaderMap, Method, header};
use anyhow::{Context, Result, bail};
use gatepass_demo::http;
use mcp_oauth_client::{CallbackQuery, Endpoint};
use url::Url;

/// Opens the authorization URL, as a browser would, and reads where it leads, which must be our
/// redirect URI. Nothing is fetched from there.
pub(crate) async fn authorize(url: &Endpoint, redirect_uri: &str) -> Result<CallbackQuery> {
    let answer = http(Method::GET, url.as_str(), HeaderMap::new(), "").await?;
    if !answer.status.is_redirection() {
        bail!("the authorization page answered {}", answer.status);
    }
    let location = answer.headers.get(header::LOCATION);
    let location = location.context("the authorization page leads nowhere")?;
    let location = url.url().join(location.to_str()?)?;
    let mut target = location.clone();
    target.set_query(None);
    if target != Url::parse(redirect_uri)? {
        bail!("the authorization page leads elsewhere than to the redirect URI");
    }
    Ok(CallbackQuery::parse(location.query().unwrap_or_default())?)
}
