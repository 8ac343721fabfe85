//! How many requests an owner, and an address, may send.
//!
//! The address comes first: owners are made by asking for a cookie, so only the address bounds
//! them. People share addresses, so its rate is a multiple of an owner's.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::{
    config::Limits,
    problem::{Kind, Problem},
};

/// What a request costs us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Work of our own.
    Own,
    /// Calls to other servers.
    Outbound,
}

/// The limiters.
#[derive(Debug)]
pub struct Rates {
    own: Pair,
    outbound: Pair,
    clock: DefaultClock,
    /// Calls to other servers under way, by owner.
    under_way: Arc<Mutex<HashMap<[u8; 16], usize>>>,
    at_once: usize,
}

/// A call under way; its end is the end of this.
#[derive(Debug)]
pub struct UnderWay {
    owner: [u8; 16],
    all: Arc<Mutex<HashMap<[u8; 16], usize>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.owner);
            }
        }
    }
}

#[derive(Debug)]
struct Pair {
    owners: Option<DefaultKeyedRateLimiter<[u8; 16]>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Rates {
    /// Limiters as configured.
    pub fn new(limits: &Limits) -> Self {
        let pair = |rate: u32| Pair {
            owners: limiter(rate),
            addresses: limiter(rate.saturating_mul(limits.owners_per_address)),
        };
        Self {
            own: pair(limits.requests_per_minute.unwrap_or(0)),
            outbound: pair(limits.outbound_per_minute.unwrap_or(0)),
            clock: DefaultClock::default(),
            under_way: Arc::default(),
            at_once: limits.calls_at_once,
        }
    }

    /// Counts a call to other servers that begins, and refuses it if its owner has too many under
    /// way: slow servers must not let one person hold everything there is.
    pub fn begin(&self, cost: Cost, owner: Option<[u8; 16]>) -> Result<Option<UnderWay>, Problem> {
        let (Cost::Outbound, Some(owner)) = (cost, owner) else {
            return Ok(None);
        };
        let mut all = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(owner).or_default();
        if *count >= self.at_once {
            return Err(Problem::new(
                Kind::RateLimited,
                "Too many calls of this browser are still waiting for their answers.",
            )
            .retry_after(Some(Duration::from_secs(1))));
        }
        *count += 1;
        let all = Arc::clone(&self.under_way);
        Ok(Some(UnderWay { owner, all }))
    }

    /// Counts a request, and refuses it if it is one too many.
    pub fn check(
        &self,
        cost: Cost,
        address: Option<IpAddr>,
        owner: Option<[u8; 16]>,
    ) -> Result<(), Problem> {
        let pair = match cost {
            Cost::Own => &self.own,
            Cost::Outbound => &self.outbound,
        };
        if let Some(address) = address {
            self.count(&pair.addresses, &super::address::subscriber(address))?;
        }
        if let Some(owner) = owner {
            self.count(&pair.owners, &owner)?;
        }
        Ok(())
    }

    fn count<K: Hash + Eq + Clone>(
        &self,
        limiter: &Option<DefaultKeyedRateLimiter<K>>,
        key: &K,
    ) -> Result<(), Problem> {
        let Some(limiter) = limiter else {
            return Ok(());
        };
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::new(
                Kind::RateLimited,
                "Too many requests came from here in the last minute.",
            )
            .retry_after(Some(wait.max(Duration::from_secs(1))))
        })
    }

    /// Forgets whoever has been quiet, so that memory stays bounded; call it every minute.
    pub fn forget_quiet(&self) {
        for pair in [&self.own, &self.outbound] {
            if let Some(owners) = &pair.owners {
                owners.retain_recent();
                owners.shrink_to_fit();
            }
            if let Some(addresses) = &pair.addresses {
                addresses.retain_recent();
                addresses.shrink_to_fit();
            }
        }
    }
}

/// A rate per minute, of which a quarter may come at once; 0 is no limit.
fn limiter<K: Hash + Eq + Clone>(per_minute: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    let rate = NonZeroU32::new(per_minute)?;
    let burst = NonZeroU32::new((per_minute / 4).max(10))?;
    Some(RateLimiter::keyed(
        Quota::per_minute(rate).allow_burst(burst),
    ))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn rates(requests_per_minute: u32) -> Rates {
        Rates::new(&Limits {
            requests_per_minute: Some(requests_per_minute),
            owners_per_address: 2,
            ..Limits::default()
        })
    }

    #[test]
    fn an_owner_who_asks_too_often_is_told_when_to_come_back() {
        let rates = rates(1);
        for _ in 0..10 {
            rates.check(Cost::Own, None, Some([1; 16])).unwrap();
        }
        let problem = rates.check(Cost::Own, None, Some([1; 16])).unwrap_err();
        assert_eq!(problem.kind(), Kind::RateLimited);
        assert!(
            problem
                .into_response()
                .headers()
                .contains_key("retry-after")
        );
        rates.check(Cost::Own, None, Some([2; 16])).unwrap();
        rates.check(Cost::Outbound, None, Some([1; 16])).unwrap();
    }

    #[test]
    fn new_owners_do_not_escape_their_address() {
        let rates = rates(1);
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        let refused = (0..=40u8).find(|n| rates.check(Cost::Own, address, Some([*n; 16])).is_err());
        assert_eq!(refused, Some(10));
    }

    #[test]
    fn an_owner_has_so_many_calls_under_way_and_no_more() {
        let rates = Rates::new(&Limits {
            calls_at_once: 2,
            ..Limits::default()
        });
        let begin = |owner| rates.begin(Cost::Outbound, Some([owner; 16]));
        let first = begin(1).unwrap();
        let second = begin(1).unwrap();
        let refused = begin(1).unwrap_err();
        assert_eq!(refused.kind(), Kind::RateLimited);
        let other = begin(2).unwrap();
        assert!(rates.begin(Cost::Own, Some([1; 16])).unwrap().is_none());
        drop(first);
        let third = begin(1).unwrap();
        drop((second, third, other));
        assert!(
            rates.under_way.lock().unwrap().is_empty(),
            "nothing is left behind"
        );
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let rates = rates(0);
        for _ in 0..5_000 {
            rates.check(Cost::Own, None, Some([1; 16])).unwrap();
        }
    }
}
