//! The client side of MCP authorization, sans-IO.
#![deny(missing_docs)]

pub mod challenge;
pub mod client;
pub mod connection;
pub mod issuer;
pub mod recovery;
pub mod report;
pub mod resource;
pub mod scope;
pub mod secret;
pub mod time;
pub mod transport;
pub mod url_policy;

pub use challenge::{Challenge, Challenges};
pub use client::{BlankClientId, ClientAuthMethod, ClientId, Registration, RegistrationKind};
pub use connection::{CONNECTION_VERSION, Connection, Tokens};
pub use issuer::Issuer;
pub use recovery::Recovery;
pub use report::{Actor, Report, Step, Verdict};
pub use resource::{ResourceId, ServerUrl};
pub use scope::Scopes;
pub use secret::Secret;
pub use time::{Clock, Random, Timestamp};
pub use transport::{
    BoxFuture, Leg, Request, Response, Transport, TransportError, TransportFailure,
};
pub use url_policy::{Endpoint, UrlError, UrlPolicy};
