//! What the routes of a sign-in share: discoveries that are remembered for a moment, and the choice
//! of a client.

pub mod client;
pub mod discoveries;
pub mod record;
pub mod site;
