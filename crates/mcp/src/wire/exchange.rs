//! One exchange: send with a token, read the challenge, get another token once.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use mcp_oauth_client::{AccessToken, Challenges};

use super::{Wire, lock};
use crate::{
    error::McpError,
    http::{BodyStream, StreamLimits},
    token_source::TokenSource,
};

/// A request without its token.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) limits: StreamLimits,
}

impl Wire {
    /// Sends a request and answers with the response, unless it is about access: a rejected
    /// token is replaced and the request sent once more; what remains is a typed error.
    pub(super) async fn exchange(
        &self,
        outgoing: Outgoing,
        tokens: Option<Arc<dyn TokenSource>>,
    ) -> Result<http::Response<BodyStream>, McpError> {
        let tokens = tokens.or_else(|| lock(&self.inner.tokens).clone());
        let token = match &tokens {
            Some(tokens) => tokens.token().await.map_err(McpError::Token)?,
            None => None,
        };
        let response = self.send(&outgoing, token.as_ref()).await?;
        let Some(refusal) = self.refusal(&response) else {
            return Ok(response);
        };
        let (Refusal::Unauthorized(challenges), Some(tokens), Some(token)) =
            (&refusal, &tokens, &token)
        else {
            return Err(self.refused(refusal, response.status(), token.is_some()));
        };
        // The body of a refusal is of no use; the connection is closed with it.
        let status = response.status();
        drop(response);
        if self.inner.hopeless.contains(token) {
            return Err(self.fresh_rejected(challenges));
        }
        let another = tokens
            .rejected(token, challenges)
            .await
            .map_err(McpError::Token)?;
        let Some(another) = another.filter(|another| another != token) else {
            return Err(self.refused(refusal, status, true));
        };
        let response = self.send(&outgoing, Some(&another)).await?;
        match self.refusal(&response) {
            None => Ok(response),
            Some(Refusal::Unauthorized(challenges)) => {
                self.inner.hopeless.insert(another);
                Err(self.fresh_rejected(&challenges))
            }
            Some(refusal) => Err(self.refused(refusal, response.status(), true)),
        }
    }

    async fn send(
        &self,
        outgoing: &Outgoing,
        token: Option<&AccessToken>,
    ) -> Result<http::Response<BodyStream>, McpError> {
        let response = self.send_once(outgoing, token).await?;
        let (status, headers) = (response.status(), response.headers());
        let again =
            |token: &AccessToken| token.wants_another_proof(&self.inner.uri, status, headers);
        if !token.is_some_and(again) {
            return Ok(response);
        }
        drop(response);
        self.send_once(outgoing, token).await
    }

    async fn send_once(
        &self,
        outgoing: &Outgoing,
        token: Option<&AccessToken>,
    ) -> Result<http::Response<BodyStream>, McpError> {
        let mut request = http::Request::new(outgoing.body.clone());
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = self.inner.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.inner.headers);
        headers.extend(
            outgoing
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if let Some(token) = token {
            token
                .present(&outgoing.method, &self.inner.uri, headers)
                .map_err(|error| self.protocol(error.to_string()))?;
        }
        let opened = self.inner.carrier.open(request, outgoing.limits).await;
        opened.map_err(McpError::Unreachable)
    }

    /// What a response says about access, if it does. Some servers answer an invalid token with
    /// 400 or 403 and say so in the challenge only.
    fn refusal(&self, response: &http::Response<BodyStream>) -> Option<Refusal> {
        let status = response.status();
        if !matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST
        ) {
            return None;
        }
        let challenges = Challenges::from_headers(response.headers());
        let challenge = challenges.oauth();
        let error = challenge.and_then(mcp_oauth_client::Challenge::error);
        let wants = challenge.is_some_and(|challenge| !challenge.scopes().is_empty());
        match (status, error) {
            (StatusCode::UNAUTHORIZED, _) | (_, Some("invalid_token")) => {
                Some(Refusal::Unauthorized(challenges))
            }
            (StatusCode::FORBIDDEN, Some("insufficient_scope")) => Some(Refusal::Scope(challenges)),
            (StatusCode::FORBIDDEN, None) if wants => Some(Refusal::Scope(challenges)),
            _ => None,
        }
    }

    fn refused(&self, refusal: Refusal, status: StatusCode, token_sent: bool) -> McpError {
        let host = self.host();
        match refusal {
            Refusal::Unauthorized(challenges) => McpError::AuthorizationRequired {
                host,
                status: status.as_u16(),
                challenges,
                key_sent: !token_sent && !self.inner.headers.is_empty(),
            },
            Refusal::Scope(challenges) => McpError::InsufficientScope {
                host,
                scopes: challenges
                    .oauth()
                    .map(mcp_oauth_client::Challenge::scopes)
                    .unwrap_or_default(),
                challenges,
            },
        }
    }

    fn fresh_rejected(&self, challenges: &Challenges) -> McpError {
        McpError::FreshTokenRejected {
            host: self.host(),
            challenges: challenges.clone(),
        }
    }
}

enum Refusal {
    Unauthorized(Challenges),
    Scope(Challenges),
}
