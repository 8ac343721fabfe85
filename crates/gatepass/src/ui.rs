//! The web UI, which is part of the binary.

use std::fmt::Write;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{
    pages,
    problem::{Kind, Problem},
};

/// What `vite build` made, with `.br` and `.gz` siblings. May be missing: the server then says how
/// to build it.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Dist;

#[derive(askama::Template)]
#[template(path = "unbuilt.html")]
struct Unbuilt {
    style: &'static str,
}

/// Everything that is no route: the UI's files, its pages, and the end of the road.
pub async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path == "/api" {
        return Problem::new(Kind::NotFound, "There is no such call.").into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response =
            Problem::new(Kind::MethodNotAllowed, "Pages and files can only be read.")
                .into_response();
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let file = path.trim_start_matches('/');
    // The siblings are answers to Accept-Encoding, not files of their own.
    let sibling = file.ends_with(".br") || file.ends_with(".gz");
    if !file.is_empty()
        && !sibling
        && let Some(found) = Dist::get(file)
    {
        return send::<Dist>(file, found, request.headers());
    }
    if !is_page(path) {
        return Problem::new(Kind::NotFound, "There is no such page.").into_response();
    }
    match Dist::get("index.html") {
        Some(found) => send::<Dist>("index.html", found, request.headers()),
        None => pages::html(
            StatusCode::SERVICE_UNAVAILABLE,
            &Unbuilt {
                style: pages::STYLE,
            },
        ),
    }
}

/// The addresses that the UI's own router knows.
fn is_page(path: &str) -> bool {
    path == "/" || path == "/servers" || path.starts_with("/c/")
}

fn send<Files: RustEmbed>(name: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let etag = etag(&file);
    let immutable = name.starts_with("assets/");
    let cache = match immutable {
        // Their names hold a hash of their content.
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, etag.clone());
    let known = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if let Ok(kind) = HeaderValue::try_from(media_type(name, &file)) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    for (encoding, ending) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(request, encoding)
            && let Some(smaller) = Files::get(&format!("{name}{ending}"))
        {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            return (headers, body(smaller)).into_response();
        }
    }
    (headers, body(file)).into_response()
}

fn body(file: EmbeddedFile) -> Body {
    Body::from(match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    })
}

fn media_type(name: &str, file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    let text = kind.starts_with("text/") || kind.ends_with("javascript") || kind.ends_with("json");
    match (name.rsplit('.').next(), text) {
        (Some("webmanifest"), _) => "application/manifest+json".to_owned(),
        (_, true) => format!("{kind}; charset=utf-8"),
        (_, false) => kind.to_owned(),
    }
}

/// The hash of the plain file; `Vary` keeps the encodings apart.
fn etag(file: &EmbeddedFile) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the encoding is named with a weight above zero (RFC 9110 §12.5.3).
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            named && weight.is_none_or(|weight| weight > 0.0)
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[derive(RustEmbed)]
    #[folder = "$CARGO_MANIFEST_DIR/tests/dist"]
    struct Fixture;

    async fn sent(
        name: &str,
        headers: &[(HeaderName, &'static str)],
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let response = send::<Fixture>(name, Fixture::get(name).unwrap(), &request);
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    #[tokio::test]
    async fn files_with_a_hash_in_their_name_are_kept_for_ever_and_pages_are_asked_for_again() {
        let (status, headers, body) = sent("assets/app-0a1b2c.js", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            headers["cache-control"],
            "public, max-age=31536000, immutable"
        );
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        assert!(body.starts_with(b"console.log"));
        let (_, headers, _) = sent("index.html", &[]).await;
        assert_eq!(headers["cache-control"], "no-cache");
        let etag: &'static str = Box::leak(
            headers["etag"]
                .to_str()
                .unwrap()
                .to_owned()
                .into_boxed_str(),
        );
        let (status, headers, body) = sent("index.html", &[(header::IF_NONE_MATCH, etag)]).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED);
        assert_eq!(headers["etag"], etag);
        assert!(body.is_empty());
    }

    #[tokio::test]
    async fn the_smallest_encoding_that_the_browser_takes_is_sent() {
        let name = "assets/app-0a1b2c.js";
        for (accepted, encoding) in [
            ("gzip, br", Some("br")),
            ("gzip", Some("gzip")),
            ("identity", None),
        ] {
            let (_, headers, body) = sent(name, &[(header::ACCEPT_ENCODING, accepted)]).await;
            let sent = headers
                .get("content-encoding")
                .map(|value| value.to_str().unwrap());
            assert_eq!(sent, encoding);
            let expected = match encoding {
                Some("br") => "as br\n",
                Some(_) => "as gzip\n",
                None => "console.log(\"app\");\n",
            };
            assert_eq!(body, expected.as_bytes());
            assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
            assert_eq!(headers["vary"], "accept-encoding");
        }
    }

    #[test]
    fn encodings_are_chosen_by_name_and_weight() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("gzip;q=0, deflate, BR;q=0.9"),
        );
        assert!(accepts(&headers, "br"));
        assert!(!accepts(&headers, "gzip"));
        assert!(!accepts(&headers, "zstd"));
    }

    #[test]
    fn only_the_pages_of_the_ui_fall_back_to_it() {
        for page in ["/", "/servers", "/c/0193"] {
            assert!(is_page(page), "{page}");
        }
        for other in ["/servers/x", "/c", "/assets/gone.js", "/wp-login.php"] {
            assert!(!is_page(other), "{other}");
        }
    }
}
