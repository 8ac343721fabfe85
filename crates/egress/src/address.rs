//! What kind of network an address belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of network an address belongs to, by the IANA special-purpose address registries
/// (RFC 6890).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Reachable on the public internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, RFC 4193, RFC 6598.
    Private,
    /// This link only, where cloud metadata services live (RFC 3927, RFC 4291).
    LinkLocal,
    /// Unspecified, multicast, documentation, benchmarks, tunnels, or not allocated.
    Reserved,
}

impl AddressClass {
    /// The class of an address. IPv6 forms that carry an IPv4 address count as what they carry,
    /// since that is where the packets end.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// The class in words: "a … address".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Reserved => "reserved",
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    use AddressClass::{LinkLocal, Loopback, Private, Public, Reserved};
    match address.octets() {
        [127, ..] => Loopback,
        [10, ..] | [192, 168, ..] => Private,
        [172, 16..=31, ..] | [100, 64..=127, ..] => Private,
        [169, 254, ..] => LinkLocal,
        // "This network", IETF protocol assignments, documentation, 6to4 relays, benchmarks.
        [0, ..] | [192, 0, 0, _] | [192, 0, 2, _] | [192, 88, 99, _] => Reserved,
        [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Reserved,
        // Multicast, class E, broadcast.
        [224..=255, ..] => Reserved,
        _ => Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    use AddressClass::{LinkLocal, Loopback, Private, Public, Reserved};
    if address == Ipv6Addr::LOCALHOST {
        return Loopback;
    }
    match embedded(address) {
        Some((Carrier::Routable, inner)) => return of_v4(inner),
        Some((Carrier::Obsolete, inner)) => {
            let class = of_v4(inner);
            return if class == Public { Reserved } else { class };
        }
        None => {}
    }
    match address.segments() {
        [0xfc00..=0xfdff, ..] => Private,
        // fec0::/10, the old site-local addresses, is private in all but name.
        [0xfe80..=0xfebf, ..] => LinkLocal,
        [0xfec0..=0xfeff, ..] => Private,
        // IETF protocol assignments with Teredo and ORCHID, and documentation.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Reserved,
        // Only 2000::/3 is allocated for global unicast (RFC 4291 §2.4).
        [0x2000..=0x3fff, ..] => Public,
        _ => Reserved,
    }
}

enum Carrier {
    /// The IPv4 host is reached through this form: mapped, NAT64.
    Routable,
    /// Nothing legitimate uses this form any more: compatible, 6to4.
    Obsolete,
}

/// The IPv4 address inside an IPv6 address: `::ffff:0:0/96` (RFC 4291), `64:ff9b::/96` (RFC
/// 6052), `::/96` (RFC 4291, deprecated), `2002::/16` (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<(Carrier, Ipv4Addr)> {
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some((Carrier::Routable, v4(high, low))),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((Carrier::Routable, v4(high, low))),
        [0, 0, 0, 0, 0, 0, high, low] => Some((Carrier::Obsolete, v4(high, low))),
        [0x2002, high, low, ..] => Some((Carrier::Obsolete, v4(high, low))),
        _ => None,
    }
}

/// The address as an operator writes it in a network: an IPv4 address that came in an IPv6 form
/// is that IPv4 address.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match embedded(v6) {
            Some((Carrier::Routable, inner)) => IpAddr::V4(inner),
            _ => address,
        },
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_told_apart_at_its_edges() {
        use AddressClass::{LinkLocal, Loopback, Private, Public, Reserved};
        let table = [
            ("0.0.0.0", Reserved),
            ("0.255.255.255", Reserved),
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", Private),
            ("100.127.255.255", Private),
            ("100.128.0.0", Public),
            ("126.255.255.255", Public),
            ("127.0.0.0", Loopback),
            ("127.255.255.255", Loopback),
            ("128.0.0.0", Public),
            ("169.253.255.255", Public),
            ("169.254.169.254", LinkLocal),
            ("169.255.0.0", Public),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Public),
            ("192.0.0.170", Reserved),
            ("192.0.1.0", Public),
            ("192.0.2.1", Reserved),
            ("192.88.99.1", Reserved),
            ("192.167.255.255", Public),
            ("192.168.0.0", Private),
            ("192.169.0.0", Public),
            ("198.17.255.255", Public),
            ("198.18.0.0", Reserved),
            ("198.19.255.255", Reserved),
            ("198.20.0.0", Public),
            ("198.51.100.7", Reserved),
            ("203.0.113.7", Reserved),
            ("223.255.255.255", Public),
            ("224.0.0.1", Reserved),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("::", Reserved),
            ("::1", Loopback),
            ("::2", Reserved),
            ("::7f00:1", Loopback),
            ("::a00:1", Private),
            ("::808:808", Reserved),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:169.254.169.254", LinkLocal),
            ("::ffff:8.8.8.8", Public),
            ("::ffff:0:7f00:1", Reserved),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::8.8.8.8", Public),
            ("64:ff9b:1::1", Reserved),
            ("100::1", Reserved),
            ("1fff:ffff::1", Reserved),
            ("2001::1", Reserved),
            ("2001:1ff::1", Reserved),
            ("2001:200::1", Public),
            ("2001:db8::1", Reserved),
            ("2002:7f00:1::", Loopback),
            ("2002:c0a8:101::", Private),
            ("2002:808:808::", Reserved),
            ("2606:4700:4700::1111", Public),
            ("3fff::1", Reserved),
            ("3fff:1000::1", Public),
            ("4000::1", Reserved),
            ("5f00::1", Reserved),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("ff02::1", Reserved),
        ];
        for (text, class) in table {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(AddressClass::of(address), class, "{text}");
        }
    }
}
