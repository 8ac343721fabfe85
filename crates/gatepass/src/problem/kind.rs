//! Every kind of problem there is: slug, status, title, usual action, and what its page says.

use std::time::Duration;

use axum::http::StatusCode;

use super::Action;

/// Declares the kinds in one table, so that none lacks a part.
macro_rules! kinds {
    ($($variant:ident $slug:literal $status:ident $action:ident $title:literal $about:literal;)*) => {
        /// A kind of problem; its slug is part of the API and never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $title] $variant,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The last part of `type`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What the person can usually do.
            pub fn action(self) -> Action {
                match self { $(Self::$variant => Action::$action,)* }
            }

            /// The kind in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means and what to do, for the kind's page.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

kinds! {
    // The request itself.
    InvalidRequest "invalid-request" BAD_REQUEST None
        "The request is not valid"
        "A field is missing or has a value that this call cannot take. The detail names it.";
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE None
        "The body must be JSON"
        "Send the body as JSON with the content type application/json.";
    RequestTooLarge "request-too-large" PAYLOAD_TOO_LARGE None
        "The request is too large"
        "The body is larger than this call accepts.";
    NotFound "not-found" NOT_FOUND None
        "There is nothing here"
        "The address does not exist, or what it named is gone or belongs to somebody else.";
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED None
        "This address does not take that method"
        "The Allow header lists the methods that it takes.";
    CrossSiteRequest "cross-site-request" FORBIDDEN None
        "The request comes from another site"
        "Calls that change something are only taken from Gatepass's own pages.";
    UnknownHost "unknown-host" MISDIRECTED_REQUEST AskAdmin
        "This is not the address of this installation"
        "Open the installation at its public URL. If this is its address, set --public-url to it.";
    OwnerRequired "owner-required" UNAUTHORIZED Authorize
        "This browser has no session here"
        "The call needs the session cookie of the browser that made the connection. Without it, connect again.";
    RateLimited "rate-limited" TOO_MANY_REQUESTS Retry
        "Too many requests"
        "Wait as long as the Retry-After header says. The limits are set in the configuration file.";
    RequestTimeout "request-timeout" GATEWAY_TIMEOUT Retry
        "The call took too long"
        "An answer did not come in time. Nothing is lost; try again.";
    Overloaded "overloaded" SERVICE_UNAVAILABLE Retry
        "The installation is busy"
        "It has more to do than it can take, or it is shutting down. Try again in a moment.";
    StorageFailed "storage-failed" SERVICE_UNAVAILABLE AskAdmin
        "The database does not do its work"
        "It is full, cannot be written to, or cannot be reached. Whoever runs the installation has to look.";
    Internal "internal" INTERNAL_SERVER_ERROR AskAdmin
        "Something went wrong inside Gatepass"
        "This is a fault of Gatepass or of its database, not of the request. The log says more.";

    // Reaching a server.
    InvalidUrl "invalid-url" BAD_REQUEST None
        "This is not the address of an MCP server"
        "A server's address is an https URL without user name, for example https://mcp.example.com/mcp.";
    AddressRefused "address-refused" FORBIDDEN AskAdmin
        "This address may not be reached from here"
        "Gatepass connects to public addresses only, unless whoever runs it allows others with --egress-allow.";
    ServerUnreachable "server-unreachable" BAD_GATEWAY Retry
        "The server cannot be reached"
        "Its name does not resolve, it refuses connections, its certificate is not trusted, or it does not answer in time.";
    ServerFailing "server-failing" BAD_GATEWAY Retry
        "The server answers with an error"
        "The server, or its authorization server, is reachable but answers with an error of its own.";
    NotMcp "not-an-mcp-server" UNPROCESSABLE_ENTITY None
        "There is no MCP server at this address"
        "Something else answers there, a web page for example. Check the address: it often ends in /mcp.";
    DiscoveryFailed "discovery-failed" BAD_GATEWAY AskAdmin
        "The server's sign-in cannot be used"
        "The server asks for authorization, but what it publishes about it is missing, broken or unsafe. The report shows each step.";

    // Authorizing.
    ClientRequired "client-required" UNPROCESSABLE_ENTITY EnterClient
        "A client id is needed"
        "The authorization server does not register clients by itself. Register one there by hand with the redirect URI shown, and enter its client id.";
    UnknownIssuer "unknown-issuer" BAD_REQUEST None
        "The server does not use that authorization server"
        "Only an authorization server that the MCP server itself names can be used for it.";
    InvalidReturnTo "invalid-return-to" BAD_REQUEST None
        "That is not a page of this installation"
        "returnTo must be a path on this origin, such as /c/123.";
    FlowNotFound "flow-not-found" NOT_FOUND Authorize
        "This sign-in is not known"
        "It was never started, has ended long ago, or was started in another browser. Start again from the page.";
    FlowExpired "flow-expired" GONE Authorize
        "The sign-in took too long"
        "A sign-in is valid for ten minutes. Start again from the page.";
    FlowUsed "flow-used" CONFLICT Authorize
        "This sign-in is already finished"
        "Each sign-in ends once. The page that started it has the result.";
    IssuerMismatch "issuer-mismatch" BAD_REQUEST AskAdmin
        "The answer comes from the wrong authorization server"
        "The response names another issuer than the one the sign-in was started with, or none where one must be named. It could be an attack, so nothing was exchanged.";
    AccessDenied "access-denied" FORBIDDEN Authorize
        "Access was not granted"
        "Somebody chose not to allow it. Sign in again to allow it.";
    AuthorizationFailed "authorization-failed" BAD_GATEWAY Authorize
        "The authorization server refused"
        "It sent the browser back with an error instead of a code. The detail says which.";
    TokenExchangeFailed "token-exchange-failed" BAD_GATEWAY Authorize
        "The sign-in could not be completed"
        "The authorization server did not give tokens for the code it had issued. The detail says why.";

    // Using a connection.
    Reauthorize "reauthorize" UNAUTHORIZED Authorize
        "The connection has ended"
        "The authorization server or the server no longer accepts it, or it cannot be opened here. Connect again.";
    WrongResource "wrong-resource" FORBIDDEN Authorize
        "The connection belongs to another server"
        "A connection is only ever sent to the server it was made for. Connect to this one.";
    ScopeRequired "scope-required" FORBIDDEN Authorize
        "The server wants more access for this"
        "Authorize again to grant the scopes that are listed; what works now keeps working.";
    HeadersUnreadable "headers-unreadable" UNAUTHORIZED None
        "The header kept for the server cannot be opened"
        "It was sealed for another browser or another server, or by a key that is gone. Enter it again.";
    TemporarilyUnavailable "temporarily-unavailable" SERVICE_UNAVAILABLE Retry
        "The authorization server is not available"
        "The connection is kept. Try again after a moment.";
    RefreshFailed "refresh-failed" BAD_GATEWAY AskAdmin
        "The sign-in cannot be extended"
        "The authorization server answers in a way that trying again will not change. The connection is kept until its access ends.";
    AuthorizationRequired "authorization-required" UNAUTHORIZED Authorize
        "The server wants you to sign in"
        "Connect to the server first.";
    TokenRejected "token-rejected" BAD_GATEWAY AskAdmin
        "The server rejects the sign-in it asked for"
        "It was given a token that its own authorization server had issued a moment ago, and refused it. Signing in again will not help; whoever runs the server has to look.";
    ToolFailed "tool-failed" BAD_GATEWAY Retry
        "The tool call failed"
        "The server could not carry the call out. The detail says why.";
    ProtocolError "protocol-error" BAD_GATEWAY AskAdmin
        "The server does not speak MCP as expected"
        "Its answer could not be read as MCP. Check that the URL is its MCP endpoint.";

    // Chatting.
    ModelRequired "model-required" UNPROCESSABLE_ENTITY AskAdmin
        "There is no such model"
        "Choose one of the models that /api/config lists. If there is none, set --model-url and --model-key, or --demo.";
    ModelUnavailable "model-unavailable" BAD_GATEWAY Retry
        "The model cannot be reached"
        "The model endpoint does not answer as it should.";
    RunNotFound "run-not-found" NOT_FOUND None
        "This turn is not waiting"
        "It has ended, was cancelled, or belongs to another conversation.";
    InvalidAnswer "invalid-answer" BAD_REQUEST None
        "This is no answer to what was asked"
        "The detail says what is wrong with it. The turn goes on waiting; answer again.";
    TurnInProgress "turn-in-progress" CONFLICT Retry
        "A turn is still running"
        "Wait for it to end, or cancel it.";
}

impl Kind {
    /// `/problems/<slug>`.
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The kind of a slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// The `Retry-After` where nobody said anything better.
    pub(super) fn usual_wait(self) -> Option<Duration> {
        matches!(
            self,
            Self::TemporarilyUnavailable | Self::Overloaded | Self::RateLimited
        )
        .then(|| Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn slugs_are_unique_and_every_status_is_an_error() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert_eq!(Kind::from_slug(kind.slug()), Some(*kind));
        }
    }
}
