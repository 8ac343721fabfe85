//! Tokens that a server rejected although they were fresh. Whatever session sends one again, no
//! other is asked for because of it: the authorization server is not made to issue tokens that
//! nobody accepts.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_oauth_client::AccessToken;

/// Most tokens that are remembered.
const MOST: usize = 256;

/// The tokens of one pool of sessions. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub struct HopelessTokens(Arc<Mutex<VecDeque<AccessToken>>>);

impl HopelessTokens {
    pub(crate) fn contains(&self, token: &AccessToken) -> bool {
        self.lock().contains(token)
    }

    pub(crate) fn insert(&self, token: AccessToken) {
        let mut tokens = self.lock();
        if tokens.contains(&token) {
            return;
        }
        if tokens.len() >= MOST {
            tokens.pop_front();
        }
        tokens.push_back(token);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<AccessToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HopelessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HopelessTokens({})", self.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth_client::Secret;

    use super::*;

    #[test]
    fn the_newest_are_remembered_and_no_more_than_a_bound() {
        let tokens = HopelessTokens::default();
        let token = |n: usize| AccessToken::bearer(Secret::new(format!("at-{n}")));
        for n in 0..2 * MOST {
            tokens.insert(token(n));
            tokens.insert(token(n));
        }
        assert_eq!(tokens.lock().len(), MOST);
        assert!(tokens.contains(&token(2 * MOST - 1)));
        assert!(!tokens.contains(&token(0)));
        assert_eq!(format!("{tokens:?}"), "HopelessTokens(256)");
    }
}
