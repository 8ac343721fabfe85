//! The only way out: every request of every leg leaves through [`Egress`].
//!
//! | file | what |
//! |---|---|
//! | [`address`] | what kind of network an address belongs to |
//! | [`policy`], [`allow`] | where requests may go, and how long and large answers may be |
//! | `target` | the check of each URL before its request |
//! | [`resolver`] | the check of each resolved address, at connect time |
//! | [`egress`] | the pooled clients |
//! | `legs`, `streaming` | the transports of the protocol and of the MCP wire |
//! | `failure` | a sentence for everything that can go wrong |
#![deny(missing_docs)]

pub mod address;
pub mod allow;
pub mod egress;
mod failure;
mod legs;
pub mod policy;
pub mod resolver;
mod streaming;
mod target;

pub use address::AddressClass;
pub use allow::{Allowed, AllowedError};
pub use egress::{Egress, EgressError};
pub use policy::{EgressPolicy, LegLimits, Limits, Mode};
pub use resolver::{Lookup, SystemLookup};
