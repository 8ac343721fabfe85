//! A client that signs instead of sending a secret: `private_key_jwt` (RFC 7523 §2.2, OpenID
//! Connect Core §9).

use serde_json::{Map, json};

use crate::{
    client::Registration,
    es256::{ES256, Es256Key},
    issuing::Issuing,
    secret::Secret,
};

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion is good for, in seconds; a request takes less.
const LIFETIME: i64 = 60;

/// The assertion for one request. Its audience is the issuer and nothing else, so that no other
/// server can use it (draft-ietf-oauth-rfc7523bis §2).
pub(crate) fn assertion(
    registration: &Registration,
    key: &Es256Key,
    issuing: &Issuing<'_>,
) -> Secret {
    let mut header = Map::new();
    header.insert("typ".into(), json!("JWT"));
    header.insert("alg".into(), json!(ES256));
    header.insert("kid".into(), json!(key.thumbprint()));
    let client = registration.client_id.as_str();
    let now = issuing.seconds();
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(client));
    claims.insert("sub".into(), json!(client));
    claims.insert("aud".into(), json!(registration.issuer.as_str()));
    claims.insert("jti".into(), json!(issuing.jwt_id()));
    claims.insert("iat".into(), json!(now));
    claims.insert("exp".into(), json!(now + LIFETIME));
    Secret::new(key.jwt(&header, &claims))
}
