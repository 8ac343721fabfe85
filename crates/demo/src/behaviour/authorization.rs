//! How the authorization server behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Plan;

/// The metadata document and where it is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetadataBehaviour {
    /// What goes wrong with requests for it.
    pub fault: Plan,
    /// What follows the origin in the issuer: empty, `/` or a path such as `/tenant1`.
    pub issuer_path: String,
    /// Where the document is served. None at all is a server of MCP revision 2025-03-26.
    pub locations: Vec<MetadataLocation>,
    /// Members left out.
    pub omit: Vec<String>,
    /// Members given this value, also ones that would not be there.
    pub replace: Map<String, Value>,
    /// Bytes of padding added to the document.
    pub padding: usize,
    /// Also answers at `/authorize`, `/token` and `/register`, where a client that finds no
    /// metadata may look (MCP 2025-03-26).
    pub default_endpoints: bool,
    /// Lists `offline_access` among the supported scopes.
    pub offline_access: bool,
}

impl Default for MetadataBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            issuer_path: String::new(),
            locations: vec![MetadataLocation::OauthInserted],
            omit: Vec::new(),
            replace: Map::new(),
            padding: 0,
            default_endpoints: false,
            offline_access: false,
        }
    }
}

/// A well-known place of authorization server metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataLocation {
    /// `/.well-known/oauth-authorization-server{path}` (RFC 8414 §3.1).
    OauthInserted,
    /// `/.well-known/openid-configuration{path}`.
    OidcInserted,
    /// `{path}/.well-known/openid-configuration` (OpenID Connect Discovery §4).
    OidcAppended,
}

/// Who may become a client, and what the answer looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationBehaviour {
    /// What goes wrong with requests to the registration endpoint.
    pub fault: Plan,
    /// Who may register.
    pub policy: RegistrationPolicy,
    /// The status of a successful answer: 201, or the 200 some servers send.
    pub status: u16,
    /// Members left out of the answer.
    pub omit: Vec<String>,
    /// Members of the answer given this value, such as `null` or an empty string.
    pub replace: Map<String, Value>,
    /// Who gets a client secret.
    pub secrets: Secrets,
    /// Seconds until a client secret expires; none means never.
    pub secret_lifetime_seconds: Option<u64>,
    /// Client metadata documents as client ids.
    pub metadata_documents: ClientMetadataDocuments,
    /// Clients registered in advance.
    pub preregistered: Vec<PreregisteredClient>,
}

impl Default for RegistrationBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            policy: RegistrationPolicy::Open,
            status: 201,
            omit: Vec::new(),
            replace: Map::new(),
            secrets: Secrets::AsAsked,
            secret_lifetime_seconds: None,
            metadata_documents: ClientMetadataDocuments::Off,
            preregistered: Vec::new(),
        }
    }
}

/// Who may register dynamically.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPolicy {
    /// Anybody.
    #[default]
    Open,
    /// There is no registration endpoint.
    Off,
    /// The endpoint is advertised and refuses everybody with 403.
    Refused,
    /// Only clients whose redirect URIs are on loopback.
    LoopbackOnly,
    /// Only clients whose redirect URIs are on these hosts.
    RedirectHosts(Vec<String>),
}

/// Who gets a client secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// Whoever asks for a method that needs one.
    #[default]
    AsAsked,
    /// Everybody; who asked for `none` becomes `client_secret_basic`.
    Always,
    /// Everybody is answered with one, but who asked for `none` stays `none`.
    EvenForNone,
}

/// What the server does with a client id that is a URL (client id metadata documents).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientMetadataDocuments {
    /// Not supported, not advertised.
    #[default]
    Off,
    /// Advertised. The documents are these; nothing is fetched, so no guard against fetching
    /// from private addresses is needed.
    Known(BTreeMap<String, Value>),
    /// Advertised, but no document can be fetched.
    Unreachable,
}

/// A client known in advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreregisteredClient {
    /// Its id.
    pub client_id: String,
    /// Its secret; none for a public client.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// How it authenticates.
    #[serde(default)]
    pub auth_method: AuthMethod,
    /// Its redirect URIs; empty accepts any.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The name on the consent page.
    #[serde(default)]
    pub client_name: Option<String>,
}

/// How a client authenticates at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client.
    #[default]
    None,
    /// HTTP Basic, form-encoded.
    ClientSecretBasic,
    /// In the body.
    ClientSecretPost,
}

/// The authorization endpoint and what it sends back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizeBehaviour {
    /// What goes wrong with requests to it.
    pub fault: Plan,
    /// Decides by itself, without pages.
    pub auto: Option<AutoDecision>,
    /// The `iss` parameter of answers (RFC 9207).
    pub iss: Iss,
    /// The `state` parameter of answers.
    pub state: StateAnswer,
    /// Sends `Cross-Origin-Opener-Policy: same-origin` with the pages, which cuts popups off.
    pub cross_origin_opener_policy: bool,
    /// What becomes of `resource` (RFC 8707), here and at the token endpoint.
    pub resource: ResourceRule,
    /// Seconds an authorization code lives.
    pub code_lifetime_seconds: u64,
    /// How an unknown client is told so.
    pub unknown_client: UnknownClient,
    /// Grants only the scopes of this list, whatever is asked for.
    pub grant_only: Option<Vec<String>>,
}

impl Default for AuthorizeBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            auto: None,
            iss: Iss::Sent,
            state: StateAnswer::Echoed,
            cross_origin_opener_policy: false,
            resource: ResourceRule::Required,
            code_lifetime_seconds: 60,
            unknown_client: UnknownClient::Page,
            grant_only: None,
        }
    }
}

/// A decision taken without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoDecision {
    /// The first account allows.
    Allow,
    /// The first account denies.
    Deny,
}

/// What stands in `iss`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Iss {
    /// The issuer, advertised in the metadata.
    #[default]
    Sent,
    /// Nothing, although the metadata advertises it.
    Missing,
    /// Nothing, and the metadata does not advertise it.
    NotAdvertised,
    /// The issuer, though the metadata does not advertise it.
    Unadvertised,
    /// Something else.
    Wrong(String),
}

/// What stands in `state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateAnswer {
    /// What the client sent.
    #[default]
    Echoed,
    /// Another value.
    Wrong,
    /// Nothing.
    Missing,
}

/// What becomes of the `resource` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRule {
    /// It must be there, and name the protected MCP server, at every endpoint.
    #[default]
    Required,
    /// It may be left out; if it is there it must name the protected MCP server.
    Optional,
    /// It is not looked at.
    Ignored,
    /// It is refused with `invalid_target`.
    Rejected,
}

/// How an unknown client is told so at the authorization endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownClient {
    /// An error page with status 400.
    #[default]
    Page,
    /// 422 with a JSON body, in the user's browser.
    Json422,
}

/// The token endpoint and the tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenBehaviour {
    /// What goes wrong with requests to it.
    pub fault: Plan,
    /// Seconds an access token lives.
    pub access_lifetime_seconds: u64,
    /// Seconds a refresh token lives.
    pub refresh_lifetime_seconds: u64,
    /// What becomes of refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// Leaves the new refresh token out of refresh answers although it rotated (the old one
    /// stays valid).
    pub omit_new_refresh_token: bool,
    /// Refresh tokens only for clients that were granted `offline_access`.
    pub refresh_needs_offline_access: bool,
    /// How the lifetime is told.
    pub expires_in: ExpiresIn,
    /// The `token_type`: `Bearer`, or `bearer` as many send.
    pub token_type: String,
    /// Members left out of answers.
    pub omit: Vec<String>,
    /// Members of answers given this value.
    pub replace: Map<String, Value>,
    /// Answers form-encoded instead of JSON.
    pub form_encoded: bool,
    /// Errors come with status 200.
    pub errors_as_200: bool,
    /// The status of `invalid_grant`: 400, or the 401 some servers send.
    pub invalid_grant_status: u16,
    /// `invalid_grant` comes with an empty body.
    pub invalid_grant_empty: bool,
    /// Refuses requests with a `Cookie` or `Origin` header.
    pub refuse_browsers: bool,
}

impl Default for TokenBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            access_lifetime_seconds: 300,
            refresh_lifetime_seconds: 30 * 24 * 60 * 60,
            refresh_tokens: RefreshTokens::Rotating,
            omit_new_refresh_token: false,
            refresh_needs_offline_access: false,
            expires_in: ExpiresIn::Number,
            token_type: "Bearer".to_owned(),
            omit: Vec::new(),
            replace: Map::new(),
            form_encoded: false,
            errors_as_200: false,
            invalid_grant_status: 400,
            invalid_grant_empty: false,
            refuse_browsers: false,
        }
    }
}

/// What becomes of refresh tokens when they are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    /// Each use gives a new one; a second use of an old one revokes the family.
    #[default]
    Rotating,
    /// As `Rotating`, but a second use within so many seconds gets the first use's answer again.
    ReplaySame(u64),
    /// As `Rotating`, but a second use within so many seconds is served as if it were the first.
    Grace(u64),
    /// The old one works until its replacement is used; using the old one kills the replacement.
    UntilReplacementUsed,
    /// The same one for ever.
    Fixed,
    /// There are none.
    None,
}

/// How `expires_in` is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// As a number.
    #[default]
    Number,
    /// As a string of digits.
    String,
    /// Not at all.
    Missing,
    /// As `null`.
    Null,
}

/// The revocation endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationBehaviour {
    /// What goes wrong with requests to it.
    pub fault: Plan,
    /// Whether there is one.
    pub offered: bool,
    /// Answers 400 `unsupported_token_type` for access tokens.
    pub refuse_access_tokens: bool,
}

impl Default for RevocationBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            offered: true,
            refuse_access_tokens: false,
        }
    }
}
