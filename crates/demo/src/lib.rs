//! A real small provider: an OAuth 2.1 authorization server with sign-in and consent pages, a
//! protected MCP server behind it, and a rule-based model that speaks the OpenAI-compatible API.
//!
//! It is what `gatepass serve --demo` offers to try things out, and the fixture of the tests: every
//! deviation of real servers is a switch in [`Behaviour`], and [`Record`] tells what really
//! arrived. Everything lives in memory, bounded, and is gone when the instance stops.

mod authorization_server;
pub mod behaviour;
mod bounded;
mod instance;
mod mcp_server;
mod model;
mod observe;
#[cfg(feature = "test-support")]
mod person;
mod record;
mod secrets;
mod serve;
mod shared;
mod system;

#[cfg(feature = "test-support")]
pub use self::person::{Decision, HttpAnswer, Person, approve, http};
pub use self::{
    behaviour::{Behaviour, Fault, Handle, Plan, When},
    instance::{Demo, DemoBuilder, Granted},
    record::{
        Endpoint, GrantFamily, Record, RecordedRequest, RecordedToolCall, RegisteredClient,
        RevocationReason,
    },
};
