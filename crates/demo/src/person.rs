//! A person without a screen, for tests: reads the pages, keeps the cookies, fills the forms in,
//! over real HTTP.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use url::Url;

/// Redirects and pages before a person gives up.
const MAX_STEPS: usize = 12;
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What the person answers on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allow.
    Allow,
    /// Deny.
    Deny,
}

impl Decision {
    fn value(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// An answer over HTTP, whole.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpAnswer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Signs in as `ada`, decides, and returns the URL the browser would be sent to: the client's
/// redirect URI with the answer in its query.
///
/// # Errors
/// The pages did not lead to a redirect; the text of the last one is in the error.
pub async fn approve(authorization_url: &str, decision: Decision) -> anyhow::Result<String> {
    Person::named("ada")
        .decide(authorization_url, decision)
        .await
}

/// A person with a browser's cookie jar, so that a second visit finds them signed in.
#[derive(Clone, Debug)]
pub struct Person {
    account: String,
    cookies: BTreeMap<String, String>,
}

impl Person {
    /// Somebody who signs in with this account.
    pub fn named(account: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            cookies: BTreeMap::new(),
        }
    }

    /// Opens an authorization URL and walks through the pages until they lead elsewhere.
    ///
    /// # Errors
    /// As [`approve`].
    pub async fn decide(
        &mut self,
        authorization_url: &str,
        decision: Decision,
    ) -> anyhow::Result<String> {
        let start = Url::parse(authorization_url).context("the authorization URL is no URL")?;
        let mut url = start.clone();
        let mut form: Option<Vec<(String, String)>> = None;
        for _ in 0..MAX_STEPS {
            let answer = self.visit(&url, form.take()).await?;
            if answer.status.is_redirection() {
                let location = answer.header("location").context("a redirect to nowhere")?;
                let next = url.join(location).context("a redirect to no URL")?;
                if next.origin() != start.origin() || !next.path().starts_with("/as/") {
                    return Ok(location.to_owned());
                }
                url = next;
                continue;
            }
            let page = answer.text();
            ensure!(
                answer.status.is_success(),
                "the page says {}: {page}",
                answer.status
            );
            let (action, fields) = self.fill_in(&page, decision)?;
            url = url.join(&action)?;
            form = Some(fields);
        }
        bail!("the pages lead in circles")
    }

    /// Opens a page, or sends a form, with the cookies of this browser.
    ///
    /// # Errors
    /// The server cannot be reached or breaks off.
    pub async fn visit(
        &mut self,
        url: &Url,
        form: Option<Vec<(String, String)>>,
    ) -> anyhow::Result<HttpAnswer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, "text/html".parse()?);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            headers.insert(header::COOKIE, cookies.join("; ").parse()?);
        }
        let method = if form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let body = form
            .map(|fields| {
                headers.insert(
                    header::CONTENT_TYPE,
                    http::HeaderValue::from_static("application/x-www-form-urlencoded"),
                );
                url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish()
            })
            .unwrap_or_default();
        let answer = http(method, url.as_str(), headers, body).await?;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str()?;
            if let Some((name, rest)) = text.split_once('=') {
                let value = rest.split(';').next().unwrap_or_default();
                if value.is_empty() {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        Ok(answer)
    }

    /// The first form of a page: its target, its hidden fields, and the button we press.
    fn fill_in(
        &self,
        page: &str,
        decision: Decision,
    ) -> anyhow::Result<(String, Vec<(String, String)>)> {
        let form = page
            .split("<form")
            .nth(1)
            .and_then(|rest| rest.split("</form>").next())
            .with_context(|| format!("there is no form on the page: {page}"))?;
        let action = attribute(form, "action").context("the form has no action")?;
        let mut fields: Vec<(String, String)> = form
            .split("<input")
            .skip(1)
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
            .collect();
        if action.ends_with("/sign-in") {
            fields.push(("account".to_owned(), self.account.clone()));
        } else {
            fields.push(("decision".to_owned(), decision.value().to_owned()));
        }
        Ok((action, fields))
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!("{name}=\""))? + name.len() + 2;
    let value = tag.get(start..)?.split('"').next()?;
    Some(unescaped(value))
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&amp;", "&")
}

/// Sends one request over a connection of its own, without following redirects. Plain http only.
///
/// # Errors
/// The server cannot be reached, or the connection ends before the answer does.
pub async fn http(
    method: Method,
    url: &str,
    headers: HeaderMap,
    body: impl Into<Bytes>,
) -> anyhow::Result<HttpAnswer> {
    let url = Url::parse(url)?;
    ensure!(url.scheme() == "http", "{url} is not a plain http URL");
    let host = url.host_str().context("the URL has no host")?;
    let port = url.port_or_known_default().context("the URL has no port")?;
    let authority = format!("{host}:{port}");
    let stream = tokio::net::TcpStream::connect(&authority)
        .await
        .with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, authority)
        .body(Body::from(body.into()))?;
    request.headers_mut().extend(headers);
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MAX_ANSWER).await?;
    driver.abort();
    Ok(HttpAnswer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}
