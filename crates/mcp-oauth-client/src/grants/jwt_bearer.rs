//! An assertion as a grant (RFC 7523 §2.1): a workload's own token (MCP extension Workload
//! Identity Federation), or what a company's identity provider issued (Enterprise-Managed
//! Authorization).

use crate::{grants::token_exchange::IdJag, secret::Secret};

/// The value of `grant_type` (RFC 7523 §2.1).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A JWT that somebody else signed (RFC 7523 §2.1). We pass it on and never look inside: whether it
/// is good is for the authorization server to say, once. A refused one is not tried again.
#[derive(Clone, Debug)]
pub struct Assertion(Secret);

impl Assertion {
    /// A workload's token, as its platform gives it. Platforms replace it often: read it anew for
    /// each request.
    pub fn of_workload(token: Secret) -> Self {
        Self(token)
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl From<IdJag> for Assertion {
    fn from(jag: IdJag) -> Self {
        Self(jag.into_secret())
    }
}
