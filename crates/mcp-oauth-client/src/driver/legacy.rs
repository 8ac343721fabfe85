//! Servers of the 2025-03-26 revision, which publish no protected resource metadata.

use super::{AuthClient, DiscoveryError, Failed, ProtectedServer, candidates::Freshness};
use crate::{
    dpop::Binding,
    issuer::Issuer,
    json,
    metadata::AuthorizationServer,
    report::{Report, Verdict},
    resource::ServerUrl,
    scope::Scopes,
    settings::Legacy,
};

impl AuthClient {
    /// Servers of the 2025-03-26 revision: the origin is the issuer, and the resource is the
    /// server itself. Only for servers that publish nothing; `cause` stays the error otherwise.
    pub(super) async fn legacy(
        &self,
        server: &ServerUrl,
        challenged: Scopes,
        cause: DiscoveryError,
        mut report: Report,
    ) -> Result<ProtectedServer, Failed<DiscoveryError>> {
        let policy = self.settings.url_policy;
        let origin = Issuer::parse(&server.origin(), policy);
        let (DiscoveryError::NoResourceMetadata { .. }, Ok(origin)) = (&cause, origin) else {
            return Err(Failed::new(cause, report));
        };
        if self.settings.legacy == Legacy::Off {
            return Err(Failed::new(cause, report));
        }
        let found = self
            .server_metadata_by(&origin, Freshness::Now, &mut report, |document| {
                // Many publish the origin with a slash; nobody told us which spelling is right.
                let spelled = json::text(document, "issuer")
                    .filter(|issuer| issuer.trim_end_matches('/') == origin.as_str())
                    .and_then(|issuer| Issuer::parse(&issuer, policy).ok())
                    .unwrap_or_else(|| origin.clone());
                let tolerated = self.settings.s256_exceptions.contains(&spelled);
                AuthorizationServer::validate(document, &spelled, policy, tolerated)
            })
            .await;
        let authorization_server = match found {
            Ok(authorization_server) => authorization_server,
            Err(DiscoveryError::NoServerMetadata { .. })
                if self.settings.legacy == Legacy::AssumeEndpoints =>
            {
                match AuthorizationServer::assumed_at(&origin, policy) {
                    Ok(assumed) => assumed,
                    Err(_) => return Err(Failed::new(cause, report)),
                }
            }
            Err(DiscoveryError::NoServerMetadata { .. }) => {
                return Err(Failed::new(cause, report));
            }
            Err(error) => return Err(Failed::new(error, report)),
        };
        report.note(
            "legacy server",
            "no resource metadata: the server's origin is the issuer (MCP 2025-03-26)",
            Verdict::Info,
            format!("{} acts as its own authorization server", server.host()),
        );
        Ok(ProtectedServer {
            server: server.clone(),
            resource: server.canonical_resource(),
            authorization_servers: vec![authorization_server.issuer.clone()],
            authorization_server,
            wanted_scopes: challenged,
            // Its revision knows bearer tokens only.
            binding: Binding::Bearer,
            report,
        })
    }
}
