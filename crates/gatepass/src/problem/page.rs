//! The small page behind each problem's `type`.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};

use super::{Kind, Problem};
use crate::pages;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    title: &'static str,
    about: &'static str,
    slug: &'static str,
    status: u16,
    style: &'static str,
}

/// `GET /problems/{slug}`: what a kind of problem means.
pub async fn page(Path(slug): Path<String>) -> Response {
    let Some(kind) = Kind::from_slug(&slug) else {
        return Problem::new(Kind::NotFound, "There is no such kind of problem.").into_response();
    };
    pages::html(
        axum::http::StatusCode::OK,
        &ProblemPage {
            title: kind.title(),
            about: kind.about(),
            slug: kind.slug(),
            status: kind.status().as_u16(),
            style: pages::STYLE,
        },
    )
}
