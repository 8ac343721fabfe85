//! The check of each resolved address, at connect time: a connection is only made to what comes
//! out of here, so an answer that changes between two look-ups changes nothing.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc};

use mcp_oauth_client::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    address::AddressClass,
    allow::Allowed,
    target::{LOCALHOST, is_localhost},
};

/// Most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 16;

/// Where names are looked up.
pub trait Lookup: Send + Sync {
    /// Every address of a name.
    fn lookup(&self, name: String) -> BoxFuture<'_, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver, with its hosts file.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'_, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name was not resolved.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    /// It has no address, or the look-up failed.
    #[error("the host name {0} cannot be found")]
    NotFound(String),
    /// Every address it has is off limits.
    #[error("{name} leads to a {} address", .class.words())]
    OffLimits { name: String, class: AddressClass },
    /// It is public, and the request is not encrypted.
    #[error("{0} was to be contacted without encryption")]
    Unencrypted(String),
}

/// The resolver of one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) lookup: Arc<dyn Lookup>,
    /// The entries that count on this route.
    pub(crate) allow: Arc<[Allowed]>,
    /// Whether public addresses may be reached on this route.
    pub(crate) public: bool,
    /// The proxy's own name, which the operator chose and which is asked for on every request
    /// that the proxy carries.
    pub(crate) proxy: Option<String>,
}

impl Guard {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // Whether this machine may be contacted was decided by the name, before the request.
        if is_localhost(name) {
            return Ok(LOCALHOST.to_vec());
        }
        let found = match self.lookup.lookup(name.to_owned()).await {
            Ok(found) if !found.is_empty() => found,
            _ => return Err(ResolveError::NotFound(name.to_owned())),
        };
        let listed = self.proxy.as_deref() == Some(name)
            || self.allow.iter().any(|entry| entry.covers_name(name));
        let reachable = |address: &IpAddr| {
            listed
                || (self.public && AddressClass::of(*address) == AddressClass::Public)
                || self
                    .allow
                    .iter()
                    .any(|entry| entry.covers_address(*address))
        };
        let mut off_limits = None;
        let mut addresses = Vec::new();
        for address in found {
            if reachable(&address) {
                addresses.push(address);
            } else {
                off_limits.get_or_insert(AddressClass::of(address));
            }
        }
        addresses.truncate(MOST_ADDRESSES);
        match off_limits {
            Some(AddressClass::Public) if addresses.is_empty() => {
                Err(ResolveError::Unencrypted(name.to_owned()))
            }
            Some(class) if addresses.is_empty() => Err(ResolveError::OffLimits {
                name: name.to_owned(),
                class,
            }),
            _ => Ok(addresses),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let own = self.clone();
        Box::pin(async move {
            let addresses = own.addresses(name.as_str()).await?;
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
