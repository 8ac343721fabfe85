//! Ways to write an address that must not be contacted. The default policy refuses every one,
//! and a listener that stands ready on this machine hears of none.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use gatepass_egress::{Egress, EgressPolicy};
use mcp_oauth_client::{Leg, Transport, TransportFailure};

use crate::support::{Zone, get, raw};

const HOSTS: &[&str] = &[
    // This machine, in every form that URL parsers read as an IPv4 address.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "0x7F.0.0.1",
    "127.0.0.1.",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0.0.0",
    // Private networks.
    "10.0.0.1",
    "10.1",
    "0xa000001",
    "167772161",
    "012.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "2886729729",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "3232235521",
    "0300.0250.0.1",
    "100.64.0.1",
    "100.127.255.255",
    // Cloud metadata.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "169.16689662",
    "100.100.100.200",
    "192.0.0.192",
    // Ranges nobody has business with.
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6, and IPv4 inside it.
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::FFFF:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fd12:3456:789a::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[5f00::1]",
    // Names that mean this machine or this network.
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "a.localhost.",
    "ⓛocalhost",
    "metadata",
    "intranet",
    "kubernetes",
    "public.example.",
    // A name or an address in front of the real one.
    "public.example@127.0.0.1",
    "public.example:443@127.0.0.1",
    "user:password@public.example",
    "127.0.0.1\\@public.example",
    "127.0.0.1#@public.example",
    "127.0.0.1?@public.example",
    // Ports and hosts that are none.
    "public.example:0",
    "public.example:65536",
    "256.256.256.256",
    "1.2.3.4.5",
    "0x7f.0.0.0x100",
    "[::1",
    "",
];

#[tokio::test]
async fn no_way_to_write_an_address_reaches_what_is_not_public() {
    let heard = Arc::new(AtomicUsize::new(0));
    let listener = {
        let heard = heard.clone();
        raw(move |_stream| {
            heard.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        .await
    };
    let zone = Zone::of(&[("public.example", &[&["127.0.0.1"]])]);
    let egress = Egress::with_lookup(EgressPolicy::default(), zone).unwrap();
    let mut tried = 0;
    for host in HOSTS {
        for scheme in ["https", "http"] {
            for port in [String::new(), format!(":{}", listener.port())] {
                let url = format!("{scheme}://{host}{port}/.well-known/x");
                // What is not even a URI cannot become a request.
                let Ok(url) = url::Url::parse(&url) else {
                    continue;
                };
                tried += 1;
                let judged = egress.check(&url);
                let Ok(_) = url.as_str().parse::<http::Uri>() else {
                    assert!(judged.is_err(), "{url}");
                    continue;
                };
                let error = egress
                    .send(Leg::ResourceMetadata, get(url.as_str()))
                    .await
                    .expect_err(url.as_str());
                assert_eq!(error.failure, TransportFailure::Refused, "{url}: {error}");
            }
        }
    }
    assert!(tried > 300, "only {tried} were tried");
    assert_eq!(heard.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let egress = Egress::new(EgressPolicy::default()).unwrap();
    for url in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "ws://a.example/",
    ] {
        let error = egress.check(&url.parse().unwrap()).unwrap_err();
        assert_eq!(error.failure, TransportFailure::Refused, "{url}");
    }
}
