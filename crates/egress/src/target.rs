//! The check of each URL before its request. Literal addresses never reach the resolver, so they
//! are judged here; so are schemes, ports and what a name says about itself.

use mcp_oauth_client::{TransportError, TransportFailure};
use url::{Host, Url};

use crate::{
    address::AddressClass,
    allow::{Allowed, What},
    policy::{EgressPolicy, Mode},
};

/// Which client carries a request. Each has a resolver that knows what its route may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    /// Whether the request is encrypted; what is not may only go to places on the list.
    pub(crate) https: bool,
    /// The target's port, if the list has entries for that port alone.
    pub(crate) port: Option<u16>,
}

/// Host and non-default port, for people.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether a name is this machine's own (RFC 6761 §6.3).
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

pub(crate) fn refused(detail: String) -> TransportError {
    TransportError::new(TransportFailure::Refused, detail)
}

impl EgressPolicy {
    /// Every route that requests can take under this policy.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let mut ports: Vec<Option<u16>> = self.allow.iter().map(|entry| entry.port).collect();
        ports.push(None);
        ports.sort_unstable();
        ports.dedup();
        let plain = self.mode == Mode::Loopback || !self.allow.is_empty();
        let route = |https| move |port: &Option<u16>| Route { https, port: *port };
        let mut routes: Vec<Route> = ports.iter().map(route(true)).collect();
        if plain {
            routes.extend(ports.iter().map(route(false)));
        }
        routes
    }

    /// The entries that count on a route.
    pub(crate) fn allowed_on(&self, route: Route) -> Vec<Allowed> {
        let counts = |entry: &&Allowed| entry.port.is_none() || entry.port == route.port;
        self.allow.iter().filter(counts).cloned().collect()
    }

    /// Judges a URL by what can be known without resolving it.
    pub(crate) fn check(&self, url: &Url) -> Result<Route, TransportError> {
        let host = host_of(url);
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            other => {
                return Err(refused(format!(
                    "“{other}:” is not a web address; nothing was sent"
                )));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(format!(
                "The address at {host} carries a user name or password; nothing was sent"
            )));
        }
        let port = match url.port_or_known_default() {
            Some(port) if port != 0 => port,
            _ => return Err(refused(format!("{host} has no usable port"))),
        };
        let mut entries = self.allow.iter().filter(|entry| entry.covers_port(port));
        let own_machine = |class| {
            refused(format!(
                "{host} is a {class} address, which this installation does not contact; its operator can allow it"
            ))
        };
        let listed = match url.host() {
            None => return Err(refused("The address names no host".to_owned())),
            Some(Host::Domain(name)) if is_localhost(name) => {
                let listed = self.mode == Mode::Loopback
                    || entries.any(|entry| {
                        entry.covers_name(name.trim_end_matches('.'))
                            || LOCALHOST
                                .iter()
                                .any(|address| entry.covers_address(*address))
                    });
                if !listed {
                    return Err(own_machine(AddressClass::Loopback.words()));
                }
                true
            }
            Some(Host::Domain(name)) => {
                let mut networks = false;
                let listed = entries.any(|entry| {
                    networks |= matches!(entry.what, What::Network { .. });
                    entry.covers_name(name)
                });
                if !listed {
                    check_name(name)?;
                }
                // A name in an allowed network is known for one when it resolves.
                listed || networks
            }
            Some(Host::Ipv4(address)) => {
                self.check_literal(address.into(), entries, own_machine)?
            }
            Some(Host::Ipv6(address)) => {
                self.check_literal(address.into(), entries, own_machine)?
            }
        };
        if !https && !listed {
            return Err(refused(format!(
                "{host} was to be contacted without encryption (http); only https is used"
            )));
        }
        let listed_port = self.allow.iter().any(|entry| entry.port == Some(port));
        Ok(Route {
            https,
            port: listed_port.then_some(port),
        })
    }

    fn check_literal<'a>(
        &self,
        address: std::net::IpAddr,
        mut entries: impl Iterator<Item = &'a Allowed>,
        refuse: impl Fn(&'static str) -> TransportError,
    ) -> Result<bool, TransportError> {
        if entries.any(|entry| entry.covers_address(address)) {
            return Ok(true);
        }
        match AddressClass::of(address) {
            AddressClass::Public => Ok(false),
            AddressClass::Loopback if self.mode == Mode::Loopback => Ok(true),
            class => Err(refuse(class.words())),
        }
    }
}

/// The addresses of this machine, in the order they are tried.
pub(crate) const LOCALHOST: [std::net::IpAddr; 2] = [
    std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
];

/// Names that mean something only on the network this server stands in.
fn check_name(name: &str) -> Result<(), TransportError> {
    let front = name.strip_suffix('.').unwrap_or(name);
    if front.split('.').any(str::is_empty) {
        return Err(refused(format!("“{name}” is not a host name")));
    }
    if front.len() < name.len() {
        return Err(refused(format!(
            "The host name {name} ends with a dot; write it without"
        )));
    }
    if !name.contains('.') {
        return Err(refused(format!(
            "{name} is a name of the local network, which this installation does not contact; its operator can allow it"
        )));
    }
    Ok(())
}
