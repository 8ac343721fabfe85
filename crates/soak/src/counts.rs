//! What is counted.

use std::fmt;

/// What came of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Refreshes that were done.
    pub refreshes: u64,
    /// Callers who got a connection.
    pub served: u64,
    /// Callers who were told to try again.
    pub told_to_wait: u64,
    /// Requests to the token endpoint.
    pub requests: u64,
    /// Of those, the ones that met a fault.
    pub faults: u64,
    /// Connections that cannot be used any more.
    pub lost: u64,
    /// Sign-ins that were asked for.
    pub consents: u64,
    /// Grants that the authorization server ended.
    pub ended: u64,
    /// Why the first one was lost.
    pub why: Option<String>,
}

impl Counts {
    /// Whether nobody noticed anything.
    pub fn is_well(&self) -> bool {
        self.lost == 0 && self.consents == 0 && self.ended == 0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            refreshes: self.refreshes + other.refreshes,
            served: self.served + other.served,
            told_to_wait: self.told_to_wait + other.told_to_wait,
            requests: self.requests + other.requests,
            faults: self.faults + other.faults,
            lost: self.lost + other.lost,
            consents: self.consents + other.consents,
            ended: self.ended + other.ended,
            why: self.why.or(other.why),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("refreshes", self.refreshes),
            ("callers served", self.served),
            ("callers told to try again", self.told_to_wait),
            ("token requests", self.requests),
            ("of those, failed on purpose", self.faults),
            ("connections lost", self.lost),
            ("needless consents", self.consents),
            ("grants ended", self.ended),
        ];
        for (name, count) in lines {
            writeln!(f, "{name:<30}{count:>8}")?;
        }
        match &self.why {
            Some(why) => writeln!(f, "first loss: {why}"),
            None => Ok(()),
        }
    }
}
