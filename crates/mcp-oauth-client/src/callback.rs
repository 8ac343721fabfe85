//! The authorization response (RFC 6749 §4.1.2, RFC 9207). A code can only be exchanged from a
//! [`ValidatedCallback`], and that only comes out of [`PendingAuthorization::validate`].

use crate::{
    authorization::{PENDING_VERSION, PendingAuthorization},
    client::RegistrationKind,
    oauth_error::OAuthError,
    recovery::Recovery,
    report::Actor,
    secret::Secret,
    time::Timestamp,
};

/// Longest query read, in bytes.
const MOST_BYTES: usize = 16 * 1024;

/// The parameters of a callback (RFC 6749 §4.1.2, RFC 9207 §2), not yet believed.
#[derive(Clone, Debug, Default)]
pub struct CallbackQuery {
    code: Option<Secret>,
    state: Option<Secret>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl CallbackQuery {
    /// Reads a callback's query string. A parameter that decides something and comes twice is an
    /// attack or a broken proxy: refused. Unknown parameters are ignored (RFC 6749 §4.1.2).
    pub fn parse(query: &str) -> Result<Self, CallbackError> {
        if query.len() > MOST_BYTES {
            return Err(CallbackError::TooLong);
        }
        let mut own = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let twice = match name.as_ref() {
                "code" => own.code.replace(Secret::new(value)).is_some(),
                "state" => own.state.replace(Secret::new(value)).is_some(),
                "iss" => own.iss.replace(value.into_owned()).is_some(),
                "error" => own.error.replace(value.into_owned()).is_some(),
                "error_description" => {
                    own.error_description = Some(value.into_owned());
                    false
                }
                _ => false,
            };
            if twice {
                return Err(CallbackError::Repeated {
                    parameter: name.into_owned(),
                });
            }
        }
        Ok(own)
    }

    /// The state (RFC 6749 §10.12), to find the flow by; compare it in constant time, as [`Secret`]
    /// does.
    pub fn state(&self) -> Option<&Secret> {
        self.state.as_ref().filter(|state| !state.is_blank())
    }
}

/// A callback that belongs to its flow and came from its issuer. Holds the only code that can be
/// exchanged.
#[derive(Debug)]
pub struct ValidatedCallback {
    pending: PendingAuthorization,
    code: Secret,
}

impl ValidatedCallback {
    /// The flow it belongs to.
    pub fn pending(&self) -> &PendingAuthorization {
        &self.pending
    }

    pub(crate) fn code(&self) -> &Secret {
        &self.code
    }
}

/// Why a callback may not be used (RFC 6749 §4.1.2.1, RFC 9207 §2.4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The query is longer than anything an authorization server sends.
    #[error("the answer of the sign-in page is too long to be one")]
    TooLong,
    /// A parameter that must be unique came more than once.
    #[error("the answer of the sign-in page carries “{parameter}” more than once")]
    Repeated {
        /// Its name.
        parameter: String,
    },
    /// The flow is older than ten minutes, or recorded by another version of this software.
    #[error("the sign-in took longer than ten minutes and has expired; start it again")]
    Expired,
    /// No state came back.
    #[error("the answer of the sign-in page has no state, so it cannot be told whose it is")]
    StateMissing,
    /// The state is another flow's.
    #[error("the answer of the sign-in page does not belong to this sign-in")]
    StateMismatch,
    /// The issuer announces `iss` but the answer has none (RFC 9207 §2.4).
    #[error(
        "{issuer} promises to name itself in its answers, but this answer does not: it may come from somebody else"
    )]
    IssMissing {
        /// The host that was expected to answer.
        issuer: String,
    },
    /// `iss` is not the issuer the user was sent to (RFC 9207 §2.4).
    #[error("the answer names another authorization server than {issuer}, to which you were sent")]
    IssMismatch {
        /// The host that was expected to answer.
        issuer: String,
    },
    /// The user or the authorization server said no.
    #[error("{}", declined(.error, .issuer))]
    Declined {
        /// The host that answered.
        issuer: String,
        /// What it said.
        error: OAuthError,
        /// Where the flow's client comes from, which decides who can mend it.
        client: RegistrationKind,
    },
    /// Neither a code nor an error came.
    #[error("{issuer} sent you back without a code")]
    CodeMissing {
        /// The host that answered.
        issuer: String,
    },
}

fn declined(error: &OAuthError, issuer: &str) -> String {
    let because = match &error.description {
        Some(description) => format!(": {description}"),
        None => String::new(),
    };
    match error.code.as_str() {
        "access_denied" => format!("Access was not allowed at {issuer}{because}"),
        "temporarily_unavailable" | "server_error" => {
            format!("{issuer} cannot sign you in right now{because}")
        }
        "invalid_scope" => format!("{issuer} does not know the access that was asked for{because}"),
        "unauthorized_client" | "invalid_client" => {
            format!("{issuer} does not know this app as a client{because}")
        }
        code => format!("{issuer} refused the sign-in ({code}){because}"),
    }
}

impl CallbackError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Expired | Self::StateMissing | Self::StateMismatch => Recovery::Reauthorize,
            Self::TooLong | Self::Repeated { .. } => Recovery::Refuse,
            Self::IssMissing { .. } | Self::IssMismatch { .. } => Recovery::Refuse,
            Self::CodeMissing { .. } => Recovery::Reconfigure { who: Actor::Vendor },
            Self::Declined { error, client, .. } => match error.code.as_str() {
                "temporarily_unavailable" | "server_error" => Recovery::Retry { after: None },
                "unauthorized_client" | "invalid_client" => client.recovery_if_unknown(),
                "access_denied"
                | "login_required"
                | "consent_required"
                | "interaction_required" => Recovery::Reauthorize,
                _ => Recovery::Reconfigure { who: Actor::Vendor },
            },
        }
    }
}

impl PendingAuthorization {
    /// Checks a callback against this flow: lifetime, state, `iss` — and only then whether it
    /// carries an error or a code, so that nothing of an answer from elsewhere is acted on or
    /// shown (RFC 9207 §2.4).
    pub fn validate(
        self,
        query: CallbackQuery,
        now: Timestamp,
    ) -> Result<ValidatedCallback, CallbackError> {
        if self.version != PENDING_VERSION || now >= self.expires_at() {
            return Err(CallbackError::Expired);
        }
        match query.state() {
            None => return Err(CallbackError::StateMissing),
            Some(state) if *state != self.state => return Err(CallbackError::StateMismatch),
            Some(_) => {}
        }
        let issuer = self.registration.issuer.host();
        match &query.iss {
            Some(iss) if iss != self.registration.issuer.as_str() => {
                return Err(CallbackError::IssMismatch { issuer });
            }
            None if self.iss_required => return Err(CallbackError::IssMissing { issuer }),
            _ => {}
        }
        if let Some(code) = query.error.filter(|code| !code.trim().is_empty()) {
            let error = OAuthError::new(&code, query.error_description.as_deref());
            let client = self.registration.kind;
            return Err(CallbackError::Declined {
                issuer,
                error,
                client,
            });
        }
        match query.code.filter(|code| !code.is_blank()) {
            Some(code) => Ok(ValidatedCallback {
                pending: self,
                code,
            }),
            None => Err(CallbackError::CodeMissing { issuer }),
        }
    }
}
