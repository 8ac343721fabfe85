//! What custody asks of an authorization server.

use mcp_oauth_client::{
    AuthClient, BoxFuture, Connection, Failed, Revocation, RevocationError, TokenError,
};

/// Refreshes and revokes. The one production implementation is [`AuthClient`].
pub trait TokenService: Send + Sync {
    /// Spends the connection's refresh token once (RFC 6749 §6).
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>>;

    /// Revokes the connection's tokens (RFC 7009).
    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>>;
}

impl TokenService for AuthClient {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        Box::pin(self.refresh(connection))
    }

    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        Box::pin(self.revoke(connection))
    }
}
