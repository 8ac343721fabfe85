//! The operator's list of places that requests may go to although they are not public.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

use crate::address::canonical;

/// One entry: a network (`10.0.0.0/8`), an address (`192.168.1.5`), a host name
/// (`mcp.corp.example`) or every name below one (`*.corp.example`), each with an optional port
/// (`10.0.0.0/8:8443`, `[fd00::]/8:443`, `mcp.corp.example:8080`). What it covers may be reached
/// at any address, over http too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub(crate) what: What,
    /// The only port it covers, if it names one.
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Network { address: IpAddr, prefix: u8 },
    Host(String),
    Below(String),
}

/// An entry that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is neither a network, nor an address, nor a host name (with an optional :port)")]
pub struct AllowedError(String);

impl Allowed {
    /// The host and port of a URL that the operator configured, such as a model's endpoint.
    pub fn host_of(url: &Url) -> Option<Self> {
        let what = match url.host()? {
            Host::Domain(name) => What::Host(name.to_owned()),
            Host::Ipv4(address) => What::single(address.into()),
            Host::Ipv6(address) => What::single(address.into()),
        };
        Some(Self {
            what,
            port: url.port_or_known_default(),
        })
    }

    pub(crate) fn covers_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    pub(crate) fn covers_name(&self, name: &str) -> bool {
        match &self.what {
            What::Network { .. } => false,
            What::Host(own) => own == name,
            What::Below(own) => name
                .strip_suffix(own.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
        }
    }

    pub(crate) fn covers_address(&self, address: IpAddr) -> bool {
        let What::Network {
            address: own,
            prefix,
        } = &self.what
        else {
            return false;
        };
        match (own, canonical(address)) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl What {
    fn single(address: IpAddr) -> Self {
        let address = canonical(address);
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self::Network { address, prefix }
    }

    fn network(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = unbracket(address).parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= longest).then_some(Self::Network { address, prefix })
    }

    fn name(text: &str) -> Option<Self> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        // The URL parser's own reading of a host, so that entries compare equal to what requests
        // carry: lower case, punycode.
        match Host::parse(name).ok()? {
            Host::Domain(name) if below => Some(Self::Below(name)),
            Host::Domain(name) => Some(Self::Host(name)),
            Host::Ipv4(address) if !below => Some(Self::single(address.into())),
            Host::Ipv6(address) if !below => Some(Self::single(address.into())),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }
}

fn unbracket(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let text = text.trim();
        let read = |text: &str| {
            if let Ok(address) = unbracket(text).parse::<IpAddr>() {
                return Some(What::single(address));
            }
            match text.contains('/') {
                true => What::network(text),
                false => What::name(text),
            }
        };
        if let Some(what) = read(text) {
            return Ok(Self { what, port: None });
        }
        let with_port = text.rsplit_once(':').and_then(|(front, port)| {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            let what = read(front)?;
            Some(Self {
                what,
                port: Some(port),
            })
        });
        with_port.ok_or_else(|| AllowedError(text.chars().take(120).collect()))
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, self.port) {
            (
                What::Network {
                    address: IpAddr::V6(address),
                    prefix,
                },
                Some(_),
            ) => {
                write!(f, "[{address}]/{prefix}")?;
            }
            (What::Network { address, prefix }, _) => write!(f, "{address}/{prefix}")?,
            (What::Host(name), _) => f.write_str(name)?,
            (What::Below(name), _) => write!(f, "*.{name}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_written_back() {
        let table = [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/8:8443", "10.0.0.0/8:8443"),
            ("192.168.1.5", "192.168.1.5/32"),
            ("192.168.1.5:80", "192.168.1.5/32:80"),
            ("fd00::/8", "fd00::/8"),
            ("[fd00::]/8:443", "[fd00::]/8:443"),
            ("fd00::1", "fd00::1/128"),
            ("[fd00::1]:8080", "[fd00::1]/128:8080"),
            (" MCP.Corp.Example ", "mcp.corp.example"),
            ("mcp.corp.example:8080", "mcp.corp.example:8080"),
            ("*.corp.example", "*.corp.example"),
            ("bücher.example", "xn--bcher-kva.example"),
        ];
        for (text, written) in table {
            let entry: Allowed = text.parse().unwrap();
            assert_eq!(entry.to_string(), written);
            assert_eq!(written.parse::<Allowed>().unwrap(), entry);
        }
    }

    #[test]
    fn what_is_not_an_entry_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "fd00::/129",
            "https://a.example",
            "a.example:0",
            "a.example:x",
            "a example",
            "*.10.0.0.1",
            "a.example/24",
            "a.example:70000",
        ] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_covers_its_addresses_in_every_form() {
        let entry: Allowed = "10.1.0.0/16".parse().unwrap();
        for (address, covered) in [
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", false),
        ] {
            assert_eq!(
                entry.covers_address(address.parse().unwrap()),
                covered,
                "{address}"
            );
        }
        let all: Allowed = "0.0.0.0/0".parse().unwrap();
        assert!(all.covers_address("192.168.0.1".parse().unwrap()));
    }

    #[test]
    fn a_wildcard_covers_names_below_only() {
        let entry: Allowed = "*.corp.example".parse().unwrap();
        for (name, covered) in [
            ("a.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            (".corp.example", false),
        ] {
            assert_eq!(entry.covers_name(name), covered, "{name}");
        }
    }
}
