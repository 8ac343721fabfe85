//! A class and a sentence for everything that can go wrong on the way.

use std::{error::Error, io, time::Duration};

use mcp_oauth_client::{TransportError, TransportFailure};

use crate::resolver::ResolveError;

/// Sorts an error of the HTTP client by its real cause.
pub(crate) fn of(error: &reqwest::Error, host: &str, connect: Duration) -> TransportError {
    let new = TransportError::new;
    for cause in causes(error) {
        if let Some(cause) = cause.downcast_ref::<ResolveError>() {
            return unresolved(cause);
        }
        if let Some(cause) = cause.downcast_ref::<rustls::Error>() {
            return new(TransportFailure::Tls, tls(cause, host));
        }
        if let Some(cause) = cause.downcast_ref::<hyper::Error>()
            && cause.is_parse_too_large()
        {
            return headers_too_large(host);
        }
    }
    if error.is_connect() {
        return connecting(error, host, connect);
    }
    if error.is_timeout() {
        return new(
            TransportFailure::Timeout,
            format!("{host} did not answer in time"),
        );
    }
    new(
        TransportFailure::Broken,
        format!("{host} ended the connection before it had answered"),
    )
}

fn connecting(error: &reqwest::Error, host: &str, connect: Duration) -> TransportError {
    let new = |detail| TransportError::new(TransportFailure::Connect, detail);
    if error.is_timeout() {
        return new(format!(
            "{host} could not be reached within {}",
            words(connect)
        ));
    }
    let kind = causes(error).find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => new(format!(
            "{host} refuses connections: nothing is listening there"
        )),
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => new(format!(
            "{host} ended the connection as soon as it was made"
        )),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            new(format!("There is no network path to {host}"))
        }
        _ => new(format!("No connection to {host} could be made")),
    }
}

fn unresolved(error: &ResolveError) -> TransportError {
    match error {
        ResolveError::NotFound(name) => TransportError::new(
            TransportFailure::Dns,
            format!("The host name {name} cannot be found"),
        ),
        ResolveError::OffLimits { name, class } => TransportError::new(
            TransportFailure::Refused,
            format!(
                "{name} leads to a {} address, which this installation does not contact; its operator can allow it",
                class.words()
            ),
        ),
        ResolveError::Unencrypted(name) => TransportError::new(
            TransportFailure::Refused,
            format!("{name} was to be contacted without encryption (http); only https is used"),
        ),
    }
}

fn tls(error: &rustls::Error, host: &str) -> String {
    use rustls::CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            C::Expired | C::ExpiredContext { .. } => {
                format!("The certificate of {host} has expired")
            }
            C::NotValidYet | C::NotValidYetContext { .. } => {
                format!("The certificate of {host} is not valid yet")
            }
            C::NotValidForName | C::NotValidForNameContext { .. } => {
                format!("The certificate of {host} is for another host")
            }
            C::UnknownIssuer => {
                format!("The certificate of {host} is from an authority that is not trusted here")
            }
            C::Revoked => format!("The certificate of {host} was revoked"),
            _ => format!("The certificate of {host} is not valid"),
        },
        rustls::Error::InvalidMessage(_) => {
            format!("{host} does not speak https on this port")
        }
        _ => format!("{host} and this server could not agree on a secure connection"),
    }
}

pub(crate) fn headers_too_large(host: &str) -> TransportError {
    TransportError::new(
        TransportFailure::TooLarge,
        format!("{host} answered with more header lines than any server needs"),
    )
}

pub(crate) fn body_too_large(host: &str, most: u64) -> TransportError {
    let most = match most {
        0..1024 => format!("{most} bytes"),
        1024..1_048_576 => format!("{} KiB", most / 1024),
        _ => format!("{} MiB", most / 1_048_576),
    };
    TransportError::new(
        TransportFailure::TooLarge,
        format!("{host} answered with more than the {most} that are read"),
    )
}

pub(crate) fn body_broken(host: &str) -> TransportError {
    TransportError::new(
        TransportFailure::Broken,
        format!("{host} ended the connection in the middle of its answer"),
    )
}

pub(crate) fn timed_out(host: &str, after: Duration) -> TransportError {
    TransportError::new(
        TransportFailure::Timeout,
        format!("{host} did not answer within {}", words(after)),
    )
}

pub(crate) fn silent(host: &str, after: Duration) -> TransportError {
    TransportError::new(
        TransportFailure::Timeout,
        format!(
            "{host} went silent in the middle of its answer for {}",
            words(after)
        ),
    )
}

pub(crate) fn redirected(host: &str, to: &str) -> TransportError {
    TransportError::new(
        TransportFailure::Redirect,
        format!("{host} wanted to redirect the request to {to}; it was not followed"),
    )
}

/// An error and everything under it. An `io::Error` hides the error it wraps from `source()`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        wrapped.or_else(|| error.source())
    })
}

fn words(time: Duration) -> String {
    match time.as_millis() {
        1000 => "1 second".to_owned(),
        millis if millis < 1000 => format!("{millis} milliseconds"),
        millis => format!("{} seconds", millis / 1000),
    }
}
