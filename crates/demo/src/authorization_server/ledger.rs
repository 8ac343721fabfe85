//! What the authorization server remembers: clients, sign-in sessions, codes, grants and tokens.
//! Secrets are kept as hashes, everything is bounded, and what has expired is swept.

use mcp_oauth_client::Timestamp;
use serde_json::Value;

use crate::{
    behaviour::{AuthMethod, RefreshTokens},
    bounded::Bounded,
    record::{GrantFamily, RegisteredClient, RevocationReason},
    secrets::{self, Hash},
};

use super::error::OAuthError;

const MAX_CLIENTS: usize = 5_000;
const MAX_SESSIONS: usize = 5_000;
const MAX_CODES: usize = 5_000;
const MAX_FAMILIES: usize = 20_000;
const MAX_TOKENS: usize = 50_000;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// Empty accepts any.
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) secret: Option<Hash>,
    pub(crate) secret_expires_at: Option<Timestamp>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) refresh_tokens: bool,
    pub(crate) application_type: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) expires_at: Timestamp,
}

/// What a user consented to.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) expires_at: Timestamp,
    /// Set by the first attempt to redeem it; the family if that attempt succeeded.
    spent: Option<Option<u64>>,
}

#[derive(Debug)]
pub(crate) struct Family {
    number: u64,
    pub(crate) grant: Grant,
    refreshes: u64,
    revoked: Option<RevocationReason>,
}

#[derive(Debug)]
struct AccessToken {
    family: u64,
    scopes: Vec<String>,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct RefreshToken {
    family: u64,
    expires_at: Timestamp,
    spent: Option<Spent>,
}

#[derive(Debug)]
struct Spent {
    at: Timestamp,
    successor: Hash,
    /// Kept only where the same answer may be asked for again.
    answer: Option<Value>,
}

/// What a refresh token entitles to.
#[derive(Debug)]
pub(crate) enum Refresh {
    /// New tokens, and a new refresh token in place of this one.
    Rotate(u64),
    /// A new access token; the refresh token stays.
    Keep(u64),
    /// The answer that was given before.
    Again(Value),
}

/// Who stands behind an access token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: String,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    clients: Bounded<String, Client>,
    sessions: Bounded<Hash, Session>,
    codes: Bounded<Hash, Code>,
    families: Bounded<u64, Family>,
    access: Bounded<Hash, AccessToken>,
    refresh: Bounded<Hash, RefreshToken>,
    next_family: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            clients: Bounded::new(MAX_CLIENTS),
            sessions: Bounded::new(MAX_SESSIONS),
            codes: Bounded::new(MAX_CODES),
            families: Bounded::new(MAX_FAMILIES),
            access: Bounded::new(MAX_TOKENS),
            refresh: Bounded::new(MAX_TOKENS),
            next_family: 1,
        }
    }
}

impl Ledger {
    pub(crate) fn register(&mut self, client: Client) {
        self.clients.insert(client.id.clone(), client);
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    pub(crate) fn forget_clients(&mut self) {
        self.clients.retain(|_| false);
    }

    pub(crate) fn registered(&self) -> Vec<RegisteredClient> {
        self.clients
            .iter()
            .map(|(_, client)| RegisteredClient {
                client_id: client.id.clone(),
                client_name: client.name.clone(),
                redirect_uris: client.redirect_uris.clone(),
                auth_method: client.auth_method,
                application_type: client.application_type.clone(),
            })
            .collect()
    }

    pub(crate) fn sign_in(&mut self, session: &str, entry: Session) {
        self.sessions.insert(secrets::hash(session), entry);
    }

    pub(crate) fn sign_out(&mut self, session: &str) {
        if let Some(entry) = self.sessions.get_mut(&secrets::hash(session)) {
            entry.expires_at = Timestamp::from_millis(0);
        }
    }

    /// The account of a live session.
    pub(crate) fn signed_in(&self, session: &str, now: Timestamp) -> Option<String> {
        self.sessions
            .get(&secrets::hash(session))
            .filter(|entry| entry.expires_at > now)
            .map(|entry| entry.account.clone())
    }

    pub(crate) fn add_code(
        &mut self,
        code: &str,
        grant: Grant,
        redirect_uri: String,
        challenge: String,
        expires_at: Timestamp,
    ) {
        self.codes.insert(
            secrets::hash(code),
            Code {
                grant,
                redirect_uri,
                challenge,
                expires_at,
                spent: None,
            },
        );
    }

    /// Turns a code into a family (RFC 6749 §4.1.3, RFC 7636 §4.6). A code is spent by the first
    /// attempt of its client, right or wrong; a second attempt revokes what the first one got.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: Option<&str>,
        verifier: &str,
        now: Timestamp,
    ) -> Result<u64, OAuthError> {
        let unknown = || OAuthError::invalid_grant("the authorization code is not valid");
        let entry = self
            .codes
            .get_mut(&secrets::hash(code))
            .ok_or_else(unknown)?;
        if entry.grant.client_id != client_id {
            return Err(unknown());
        }
        if let Some(outcome) = entry.spent {
            if let Some(family) = outcome {
                self.revoke(family, RevocationReason::CodeReplay);
            }
            return Err(OAuthError::invalid_grant(
                "the authorization code was used before; what it granted is revoked",
            ));
        }
        entry.spent = Some(None);
        if entry.expires_at <= now {
            return Err(OAuthError::invalid_grant(
                "the authorization code has expired",
            ));
        }
        if redirect_uri.is_some_and(|uri| uri != entry.redirect_uri) {
            return Err(OAuthError::invalid_grant(
                "redirect_uri differs from the one of the authorization request",
            ));
        }
        if !secrets::same(
            secrets::s256(verifier).as_bytes(),
            entry.challenge.as_bytes(),
        ) {
            return Err(OAuthError::invalid_grant(
                "code_verifier does not match the code_challenge",
            ));
        }
        let grant = entry.grant.clone();
        let number = self.next_family;
        entry.spent = Some(Some(number));
        self.add_family(grant);
        Ok(number)
    }

    /// Begins a family of tokens and returns its number.
    pub(crate) fn add_family(&mut self, grant: Grant) -> u64 {
        let number = self.next_family;
        self.next_family += 1;
        self.families.insert(
            number,
            Family {
                number,
                grant,
                refreshes: 0,
                revoked: None,
            },
        );
        number
    }

    pub(crate) fn family(&self, number: u64) -> Option<&Family> {
        self.families.get(&number)
    }

    pub(crate) fn add_access(
        &mut self,
        token: &str,
        family: u64,
        scopes: Vec<String>,
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        if self.access.is_full() {
            self.access.retain(|token| token.expires_at > now);
        }
        self.access.insert(
            secrets::hash(token),
            AccessToken {
                family,
                scopes,
                expires_at,
            },
        );
    }

    pub(crate) fn add_refresh(
        &mut self,
        token: &str,
        family: u64,
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        if self.refresh.is_full() {
            // Spent tokens only serve replay detection: they go before live ones.
            self.refresh
                .retain(|token| token.expires_at > now && token.spent.is_none());
        }
        self.refresh.insert(
            secrets::hash(token),
            RefreshToken {
                family,
                expires_at,
                spent: None,
            },
        );
    }

    /// Decides what a refresh token is good for (OAuth 2.1 §4.3, RFC 9700 §4.14).
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client_id: &str,
        policy: RefreshTokens,
        now: Timestamp,
    ) -> Result<Refresh, OAuthError> {
        let unknown = || OAuthError::invalid_grant("the refresh token is not valid");
        let entry = self
            .refresh
            .get(&secrets::hash(token))
            .ok_or_else(unknown)?;
        let number = entry.family;
        let family = self.families.get(&number).ok_or_else(unknown)?;
        if family.grant.client_id != client_id {
            return Err(unknown());
        }
        if family.revoked.is_some() {
            return Err(OAuthError::invalid_grant("the grant is revoked"));
        }
        if entry.expires_at <= now {
            return Err(OAuthError::invalid_grant("the refresh token has expired"));
        }
        let outcome = match (&entry.spent, policy) {
            (None, RefreshTokens::Fixed) => Some(Refresh::Keep(number)),
            (None, _) => Some(Refresh::Rotate(number)),
            (Some(spent), RefreshTokens::ReplaySame(seconds)) if within(spent, seconds, now) => {
                spent.answer.clone().map(Refresh::Again)
            }
            (Some(spent), RefreshTokens::Grace(seconds)) if within(spent, seconds, now) => {
                Some(Refresh::Rotate(number))
            }
            (Some(spent), RefreshTokens::UntilReplacementUsed) => self
                .refresh
                .get(&spent.successor)
                .is_some_and(|successor| successor.spent.is_none())
                .then_some(Refresh::Rotate(number)),
            (Some(_), _) => None,
        };
        let Some(outcome) = outcome else {
            self.revoke(number, RevocationReason::RefreshTokenReplay);
            return Err(OAuthError::invalid_grant(
                "the refresh token was used before; the grant is revoked",
            ));
        };
        if let Some(family) = self.families.get_mut(&number) {
            family.refreshes += 1;
        }
        Ok(outcome)
    }

    /// Marks `old` as replaced by `new`; a replacement it had before stops working.
    pub(crate) fn rotated(&mut self, old: &str, new: &str, answer: Option<Value>, now: Timestamp) {
        let successor = secrets::hash(new);
        let Some(entry) = self.refresh.get_mut(&secrets::hash(old)) else {
            return;
        };
        let before = entry.spent.replace(Spent {
            at: now,
            successor,
            answer,
        });
        if let Some(replaced) = before.and_then(|spent| self.refresh.get_mut(&spent.successor)) {
            replaced.expires_at = now;
        }
    }

    /// The caller behind an access token that is valid now.
    pub(crate) fn introspect(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let entry = self.access.get(&secrets::hash(token))?;
        let family = self.families.get(&entry.family)?;
        (entry.expires_at > now && family.revoked.is_none()).then(|| Caller {
            account: family.grant.account.clone(),
            scopes: entry.scopes.clone(),
            resource: family.grant.resource.clone(),
        })
    }

    /// The family a token of either kind belongs to, and whether it is an access token.
    pub(crate) fn family_of(&self, token: &str) -> Option<(&Family, bool)> {
        let hash = secrets::hash(token);
        let (number, is_access) = match (self.refresh.get(&hash), self.access.get(&hash)) {
            (Some(refresh), _) => (refresh.family, false),
            (None, Some(access)) => (access.family, true),
            (None, None) => return None,
        };
        Some((self.families.get(&number)?, is_access))
    }

    /// Ends a family; the first reason stays.
    pub(crate) fn revoke(&mut self, number: u64, reason: RevocationReason) {
        if let Some(family) = self.families.get_mut(&number) {
            family.revoked.get_or_insert(reason);
        }
    }

    pub(crate) fn revoke_all(&mut self, reason: RevocationReason) {
        for family in self.families.values_mut() {
            family.revoked.get_or_insert(reason);
        }
    }

    pub(crate) fn expire_access_tokens(&mut self) {
        self.access.retain(|_| false);
    }

    pub(crate) fn families(&self) -> Vec<GrantFamily> {
        self.families
            .iter()
            .map(|(_, family)| GrantFamily {
                number: family.number,
                client_id: family.grant.client_id.clone(),
                account: family.grant.account.clone(),
                resource: family.grant.resource.clone(),
                scopes: family.grant.scopes.clone(),
                refreshes: family.refreshes,
                revoked: family.revoked.is_some(),
                reason: family.revoked,
            })
            .collect()
    }

    /// Drops what can never be used again. Spent codes stay until they expire, so that their
    /// second use is noticed.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.sessions.retain(|session| session.expires_at > now);
        self.codes.retain(|code| code.expires_at > now);
        self.access.retain(|token| token.expires_at > now);
        self.refresh.retain(|token| token.expires_at > now);
    }
}

impl Family {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

fn within(spent: &Spent, seconds: u64, now: Timestamp) -> bool {
    spent.at.after(std::time::Duration::from_secs(seconds)) > now
}
