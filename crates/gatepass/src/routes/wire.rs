//! JSON shapes that several calls share, and the schemas of shapes that other crates own.

use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// The steps of a discovery, a flow or a refresh.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
#[serde(rename_all = "camelCase")]
pub struct ReportSchema {
    /// What happened, in order.
    pub steps: Vec<StepSchema>,
    /// The cause in one sentence.
    pub summary: Option<String>,
    /// Who must act: `you`, `admin`, `vendor` or `nobody`.
    #[schema(value_type = Option<ActorSchema>)]
    pub actor: Option<String>,
}

/// One step of a report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Step)]
#[serde(rename_all = "camelCase")]
pub struct StepSchema {
    /// What the step was for.
    pub name: String,
    /// Method and URL, without query values.
    pub request: Option<String>,
    /// The response's status.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The rule that was applied, with the document it is from.
    pub rule: String,
    /// `ok`, `miss`, `failed` or `info`.
    #[schema(value_type = VerdictSchema)]
    pub verdict: String,
    /// What was noticed.
    pub note: Option<String>,
}

/// A connection as the page keeps it. Only `sealed` is believed; the rest is to be shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSchema {
    /// Which connection.
    pub id: String,
    /// The connection itself, which only this installation can open, and only for its owner.
    pub sealed: String,
    /// The resource it is for.
    pub resource: String,
    /// The authorization server it is from.
    pub issuer: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When its access token ends, in Unix milliseconds; `null` if unknown.
    pub expires_at: Option<i64>,
    /// Whether it can be refreshed.
    pub refreshable: bool,
    /// Its version: each refresh makes the next.
    pub generation: u64,
    /// `preregistered`, `metadata-document`, `dynamic` or `manual`.
    #[schema(value_type = RegistrationSchema)]
    pub registration: String,
}

/// Who must act for a failed operation to work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
#[serde(rename_all = "kebab-case")]
pub enum ActorSchema {
    /// The person in front of the page.
    You,
    /// Whoever runs this installation.
    Admin,
    /// Whoever runs the server or its authorization server.
    Vendor,
    /// Nobody: waiting helps.
    Nobody,
}

/// How a step went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verdict)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictSchema {
    /// As it should be.
    Ok,
    /// Not there; the next candidate was tried.
    Miss,
    /// It ended the operation, or would have.
    Failed,
    /// Worth knowing.
    Info,
}

/// Where a connection's client id is from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistrationKind)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationSchema {
    /// The operator's.
    Preregistered,
    /// Our Client ID Metadata Document.
    MetadataDocument,
    /// Registered by us (RFC 7591).
    Dynamic,
    /// Entered by a person.
    Manual,
}

/// How a client id is come by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rung)]
#[serde(rename_all = "kebab-case")]
pub enum RungSchema {
    /// The operator's is used.
    Preregistered,
    /// Our Client ID Metadata Document.
    MetadataDocument,
    /// We register ourselves (RFC 7591).
    Dynamic,
    /// A person must enter one.
    ClientRequired,
}

/// A boolean that is always `true`, so that shapes can be told apart.
pub fn only_true() -> Object {
    constant(true)
}

/// A boolean that is always `false`.
pub fn only_false() -> Object {
    constant(false)
}

fn constant(value: bool) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([value]))
        .build()
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSchema {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// When it was begun, in Unix milliseconds.
    pub created_at: i64,
    /// When it last changed, in Unix milliseconds.
    pub updated_at: i64,
}

/// A conversation in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Found)]
#[serde(rename_all = "camelCase")]
pub struct FoundSchema {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: ConversationSchema,
    /// The words around the newest place that a search found; absent if only the title has them.
    pub excerpt: Option<String>,
}

/// A message, in parts as the AI SDK's UI messages have them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
#[serde(rename_all = "camelCase")]
pub struct MessageSchema {
    /// Its id.
    pub id: String,
    /// `user` or `assistant`.
    pub role: String,
    /// What it says and did.
    pub parts: Vec<serde_json::Value>,
    /// The model that wrote it.
    pub model: Option<String>,
    /// When it was begun, in Unix milliseconds.
    pub created_at: i64,
}

/// A tool as its server describes it: data from outside, to be shown and not believed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
#[serde(rename_all = "camelCase")]
pub struct ToolSchema {
    /// Its name at its server.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub input_schema: serde_json::Value,
    /// Hints about its behaviour.
    pub annotations: Option<serde_json::Value>,
    /// What tells this definition of the tool from another, to remember a decision with.
    pub definition: String,
}
