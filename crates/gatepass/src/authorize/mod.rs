//! What the routes of a sign-in share: where to sign in, and the choice of a client.

pub mod client;
pub mod discovery;
pub mod record;
pub mod site;
