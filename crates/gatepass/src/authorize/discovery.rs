//! What a server asks for, at the moment a sign-in begins.

use mcp_oauth_client::{
    AuthClient, Challenges, Discovery, DiscoveryError, Failed, ProtectedServer, ServerUrl,
};

/// How much of what is known may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// What somebody saw a moment ago, as long as it is fresh: nothing is asked twice.
    Recent,
    /// Nothing: a connection was rejected or is to get more, and the server may have changed its
    /// mind (RFC 9728 §5.2).
    None,
}

/// Where to sign in to a server. A server that answers the probe may still want a sign-in for its
/// tools, and is then asked where.
pub async fn to_sign_in(
    auth: &AuthClient,
    server: &ServerUrl,
    knowledge: Knowledge,
) -> Result<ProtectedServer, Failed<DiscoveryError>> {
    if knowledge == Knowledge::Recent
        && let Some(known) = auth.recall(server)
    {
        return Ok(known);
    }
    match auth.discover(server).await? {
        Discovery::Protected(protected) => Ok(*protected),
        Discovery::Open(_) => {
            auth.discover_challenged(server, &Challenges::default())
                .await
        }
    }
}
