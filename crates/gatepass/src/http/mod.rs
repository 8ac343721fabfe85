//! What every request passes through on its way to a handler, outermost first.

pub mod address;
pub mod cookies;
pub mod csrf;
pub mod headers;
pub mod host;
pub mod json;
pub mod observe;
pub mod owner;
pub mod panics;
pub mod rate;
