//! Certificates.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use gatepass_egress::{Egress, EgressPolicy, Mode};
use mcp_oauth_client::TransportFailure;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::support::{alone, everywhere, loopback, metadata, raw, serve};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Serves `{}` over TLS under a certificate for `name`.
    async fn serve(&self, change: impl FnOnce(&mut CertificateParams), name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let leaf = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                let _ = stream.write_all(answer).await;
            }
        });
        address
    }

    fn trusted(&self) -> Egress {
        Egress::new(EgressPolicy {
            mode: Mode::Loopback,
            extra_ca: vec![self.0.pem().into_bytes()],
            ..EgressPolicy::default()
        })
        .unwrap()
    }
}

#[tokio::test]
async fn an_extra_authority_is_trusted_on_every_leg_and_others_are_not() {
    let authority = Authority::new("ours");
    let server = authority.serve(|_| {}, "localhost").await;
    let url = format!("https://localhost:{}/", server.port());
    for outcome in everywhere(&authority.trusted(), &url).await {
        assert_eq!(outcome.unwrap(), "{}");
    }
    for outcome in everywhere(&Authority::new("another").trusted(), &url).await {
        assert_eq!(outcome.unwrap_err().failure, TransportFailure::Tls);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let authority = Authority::new("ours");
    let stranger = Authority::new("a stranger")
        .serve(|_| {}, "localhost")
        .await;
    let expired = authority
        .serve(
            |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1),
            "localhost",
        )
        .await;
    let other = authority.serve(|_| {}, "other.example").await;
    let plain = raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let mut said = String::new();
    for server in [stranger, expired, other, plain] {
        let url = format!("https://localhost:{}/", server.port());
        let error = metadata(&authority.trusted(), url).await.unwrap_err();
        assert_eq!(error.failure, TransportFailure::Tls, "{error}");
        let port = format!(":{}", server.port());
        said.push_str(&error.detail.replace(&port, ""));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r"
    The certificate of localhost is from an authority that is not trusted here
    The certificate of localhost has expired
    The certificate of localhost is for another host
    localhost does not speak https on this port
    ");
}

/// Runs in a process of its own, whose system has no certificate authorities.
#[tokio::test]
async fn a_system_without_authorities_reaches_what_needs_none() {
    if !alone(
        "tls::a_system_without_authorities_reaches_what_needs_none",
        &[
            ("SSL_CERT_FILE", "/dev/null"),
            ("SSL_CERT_DIR", "/dev/null"),
        ],
    )
    .await
    {
        return;
    }
    let authority = Authority::new("ours");
    let secured = authority.serve(|_| {}, "localhost").await;
    let url = format!("https://localhost:{}/", secured.port());
    let error = metadata(&loopback(), &url).await.unwrap_err();
    assert_eq!(error.failure, TransportFailure::Tls);
    let answer = metadata(&authority.trusted(), &url).await.unwrap();
    assert_eq!(answer.body(), "{}");
    let plain = serve(Router::new().route("/", get(|| async { "here" }))).await;
    let answer = metadata(&loopback(), format!("http://{plain}/")).await;
    assert_eq!(answer.unwrap().body(), "here");
}

#[test]
fn what_is_no_certificate_is_refused_at_the_start() {
    for pem in [
        "",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
    ] {
        let policy = EgressPolicy {
            extra_ca: vec![pem.into()],
            ..EgressPolicy::default()
        };
        assert!(Egress::new(policy).is_err(), "{pem}");
    }
}
