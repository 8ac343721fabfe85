#![doc = include_str!("../README.md")]
//!
//! ## Where things are
//!
//! | file | what | RFC |
//! |---|---|---|
//! | [`challenge`] | `WWW-Authenticate` | 9110, 6750, 9728 §5.1 |
//! | [`well_known`], [`metadata`] | where metadata is and when it may be used | 9728, 8414 |
//! | [`cache`] | keeping metadata by the rules of HTTP | 9111 |
//! | [`registration`] | becoming a client | 7591, Client ID Metadata Document |
//! | [`pkce`], [`authorization`] | sending the user off | 6749 §4.1.1, 7636, 8707 |
//! | [`callback`] | believing what comes back | 6749 §4.1.2, 9207 |
//! | [`token`] | code exchange and refresh | 6749 §4.1.3, §6 |
//! | [`dpop`], [`access_token`] | tokens bound to a key, and how tokens are presented | 9449, 6750 |
//! | [`grants`] | tokens without a browser: client credentials, assertions, token exchange | 6749 §4.4, 7523, 8693 |
//! | [`revocation`] | the end | 7009 |
//!
//! The order is forced by types: a code can only be exchanged from a [`ValidatedCallback`], and
//! an endpoint can only be called once a [`UrlPolicy`] has made it an [`Endpoint`].
#![deny(missing_docs)]

pub mod access_token;
pub mod authorization;
pub mod cache;
pub mod callback;
pub mod challenge;
pub mod client;
mod client_assertion;
mod client_auth;
pub mod connection;
pub mod dpop;
pub mod driver;
pub mod es256;
pub mod grants;
pub mod issuer;
pub mod issuing;
mod json;
pub mod metadata;
pub mod oauth_error;
pub mod pkce;
mod probe;
pub mod recovery;
pub mod registration;
pub mod report;
mod report_text;
pub mod resource;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod settings;
pub mod time;
pub mod token;
pub mod transport;
pub mod url_policy;
pub mod well_known;

pub use access_token::{AccessToken, Unpresentable};
pub use authorization::{FLOW_LIFETIME, OtherIssuer, PendingAuthorization, Target};
pub use cache::MetadataCache;
pub use callback::{CallbackError, CallbackQuery, ValidatedCallback};
pub use challenge::{Challenge, Challenges};
pub use client::{BlankClientId, ClientAuthMethod, ClientId, Registration, RegistrationKind};
pub use connection::{CONNECTION_VERSION, Connection, TokenType, Tokens};
pub use dpop::{Binding, Prover};
pub use driver::{
    AuthClient, Discovery, DiscoveryError, Failed, OpenServer, ProtectedServer, Recoverable,
};
pub use es256::{Es256Key, KeyError};
pub use grants::{Assertion, IdJag, IdentityProvider, MachineFlow, MachineGrant};
pub use issuer::Issuer;
pub use issuing::Issuing;
pub use metadata::{AuthorizationServer, MetadataError, ResourceMetadata};
pub use oauth_error::OAuthError;
pub use recovery::Recovery;
pub use registration::{GivenClient, RegistrationError, Rung};
pub use report::{Actor, Observer, Report, Step, Verdict};
pub use resource::{ResourceId, ServerUrl};
pub use revocation::{Revocation, RevocationError};
pub use scope::Scopes;
pub use secret::Secret;
pub use settings::{Legacy, Settings};
pub use time::{Clock, Random, Timestamp};
pub use token::TokenError;
pub use transport::{
    BoxFuture, Leg, Request, Response, Transport, TransportError, TransportFailure,
};
pub use url_policy::{Endpoint, UrlError, UrlPolicy};
