//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3.1).

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use zeroize::Zeroizing;

use crate::{
    client::{ClientAuthMethod, Registration},
    client_assertion::{ASSERTION_TYPE, assertion},
    issuing::Issuing,
    secret::Secret,
    transport::Request,
    url_policy::Endpoint,
};

/// A form POST to `endpoint` that proves who the client is, by exactly one method.
pub(crate) fn authenticated_form(
    endpoint: &Endpoint,
    registration: &Registration,
    fields: &[(&str, &str)],
    issuing: &Issuing<'_>,
) -> Request {
    let secret = registration.client_secret.as_ref().map(Secret::expose);
    let key = registration.client_key.as_ref();
    let id = registration.client_id.as_str();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let mut authorization = None;
    match (registration.auth_method, secret, key) {
        (ClientAuthMethod::ClientSecretBasic, Some(secret), _) => {
            authorization = Some(basic(id, secret));
        }
        (ClientAuthMethod::ClientSecretPost, Some(secret), _) => {
            form.append_pair("client_id", id);
            form.append_pair("client_secret", secret);
        }
        (ClientAuthMethod::PrivateKeyJwt, _, Some(key)) => {
            // The assertion says who the client is (RFC 7521 §4.2).
            let assertion = assertion(registration, key, issuing);
            form.append_pair("client_assertion_type", ASSERTION_TYPE);
            form.append_pair("client_assertion", assertion.expose());
        }
        _ => {
            form.append_pair("client_id", id);
        }
    }
    let mut request = Request::new(Bytes::from(form.finish()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(endpoint.url());
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    if let Some(value) = authorization {
        headers.insert(AUTHORIZATION, value);
    }
    request
}

/// Basic credentials: id and secret are form-encoded before they are joined and encoded, so that
/// a colon in either, or a URL as client id, survives.
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encode(id), encode(secret)));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value =
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// A URL as the `http` crate's URI. A parsed web URL is always a valid URI; the root stands in
/// for the impossible case, and no transport sends a request without a host.
pub(crate) fn uri(url: &url::Url) -> http::Uri {
    url.as_str().parse().unwrap_or_default()
}
