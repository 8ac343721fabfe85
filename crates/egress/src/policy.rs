//! Where requests may go, and how long and large their answers may be.

use std::time::Duration;

use mcp_oauth_client::Leg;
use url::Url;

use crate::allow::Allowed;

/// Which targets are reachable without being on the allow-list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Public addresses, over https.
    #[default]
    Public,
    /// Also hosts that say in so many words that they are this machine (`localhost`, names below
    /// it, loopback addresses), over http too. Another name that resolves to a loopback address
    /// stays refused, so that no foreign name can be pointed at this machine.
    Loopback,
}

/// Everything an operator decides about what leaves.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// What is reachable by default.
    pub mode: Mode,
    /// What is reachable besides.
    pub allow: Vec<Allowed>,
    /// Certificate authorities trusted on every leg besides the system's, in PEM; each may hold
    /// several.
    pub extra_ca: Vec<Vec<u8>>,
    /// A proxy for everything but this machine. Then names are resolved there, and what they may
    /// resolve to is the proxy's policy.
    pub proxy: Option<Url>,
    /// Bounds in time and size.
    pub limits: Limits,
}

/// The bounds of one leg of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegLimits {
    /// From the request to the end of the body, redirects included.
    pub total: Duration,
    /// Most bytes of body.
    pub body: usize,
}

/// The bounds of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Resolving, connecting and TLS.
    pub connect: Duration,
    /// The probe.
    pub probe: LegLimits,
    /// Resource and authorization server metadata.
    pub metadata: LegLimits,
    /// Dynamic registration.
    pub registration: LegLimits,
    /// The token endpoint.
    pub token: LegLimits,
    /// The revocation endpoint.
    pub revocation: LegLimits,
}

/// Most header lines of a response.
pub(crate) const MOST_HEADERS: usize = 128;
/// Most bytes of header names and values together.
pub(crate) const MOST_HEADER_BYTES: usize = 64 * 1024;
/// Most redirects followed on a leg that may be redirected at all.
pub(crate) const MOST_REDIRECTS: usize = 3;

impl Default for Limits {
    fn default() -> Self {
        let leg = |seconds, kib: usize| LegLimits {
            total: Duration::from_secs(seconds),
            body: kib * 1024,
        };
        Self {
            connect: Duration::from_secs(5),
            probe: leg(10, 64),
            metadata: leg(10, 256),
            registration: leg(20, 64),
            token: leg(20, 64),
            revocation: leg(5, 64),
        }
    }
}

impl Limits {
    /// The bounds of a leg.
    pub fn of(&self, leg: Leg) -> LegLimits {
        match leg {
            Leg::Probe => self.probe,
            Leg::ResourceMetadata | Leg::ServerMetadata => self.metadata,
            Leg::Registration => self.registration,
            Leg::Revocation => self.revocation,
            // A leg this crate does not know yet is bounded like the strictest one that carries
            // credentials.
            _ => self.token,
        }
    }
}
