//! Custody of connections: the browser carries them sealed, the store arbitrates.
//!
//! | file | what |
//! |---|---|
//! | [`owner`] | who a connection belongs to |
//! | [`keyring`], [`key_file`] | the master keys |
//! | [`seal`] | encryption for one owner, one purpose, one id |
//! | [`wire`] | a connection as the page carries it |
//! | [`connections`] | keeping and opening |
//! | [`refresh`] | one refresh per generation |
//! | `waits` | what authorization servers asked us to wait for |
//! | [`disconnect`], [`outbox`] | the end, and what is still to be revoked |
//! | [`flows`] | one trip to the authorization page and back |
//! | [`headers`] | static headers, sealed for one server |
//! | [`registrations`] | dynamic registrations, made once |
//! | [`store`] | what is asked of a database |
#![deny(missing_docs)]

pub mod connections;
pub mod disconnect;
pub mod error;
pub mod flows;
pub mod headers;
pub mod key_file;
pub mod keyring;
pub mod outbox;
pub mod owner;
pub mod refresh;
pub mod registrations;
pub mod seal;
pub mod store;
pub mod token_service;
mod waits;
pub mod wire;

pub use connections::{Connections, Current, Custody, Need, Opened};
pub use disconnect::Disconnected;
pub use error::CustodyError;
pub use flows::{Begun, FlowError, FlowId, FlowOutcome, FlowStatus, Flows};
pub use headers::HeaderSeals;
pub use keyring::{KeyRing, KeyRingError};
pub use owner::{Owner, OwnerId, OwnerSecret};
pub use registrations::{Registrations, RegistrationsError};
pub use seal::{OwnerPurpose, Sealed, ServerPurpose, Unreadable};
pub use store::{Store, StoreError};
pub use token_service::TokenService;
pub use wire::{ConnectionId, SealedConnection};
