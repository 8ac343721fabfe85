//! An error together with the report that led to it.

use crate::{
    authorization::OtherIssuer,
    callback::CallbackError,
    driver::DiscoveryError,
    recovery::Recovery,
    registration::RegistrationError,
    report::{Actor, Report},
    revocation::RevocationError,
    token::TokenError,
    transport::{TransportError, TransportFailure},
};

/// An error that says what to do about it.
pub trait Recoverable: std::error::Error {
    /// What to do about it.
    fn recovery(&self) -> Recovery;

    /// Who must act. Trying again is right for every failure of the network, but a name that does
    /// not exist or a certificate that has expired also needs somebody.
    fn actor(&self) -> Actor {
        let Some(source) = self.transport() else {
            return self.recovery().actor();
        };
        match source.failure {
            TransportFailure::Dns | TransportFailure::Tls => Actor::Vendor,
            _ => self.recovery().actor(),
        }
    }

    /// The failure of the transport behind it, if that is what it is.
    fn transport(&self) -> Option<&TransportError> {
        None
    }
}

macro_rules! recoverable {
    ($($error:ident $(:: $transport:ident)?),* $(,)?) => {$(
        impl Recoverable for $error {
            fn recovery(&self) -> Recovery {
                self.recovery()
            }

            $(fn transport(&self) -> Option<&TransportError> {
                match self {
                    Self::$transport { source, .. } => Some(source),
                    _ => None,
                }
            })?
        }
    )*};
}

recoverable!(
    CallbackError,
    DiscoveryError::Unreachable,
    OtherIssuer,
    RegistrationError::Transport,
    RevocationError::Transport,
    TokenError::Transport,
);

/// A failed operation: the error, and the steps up to it.
#[derive(Clone, Debug)]
pub struct Failed<E> {
    error: Box<E>,
    report: Box<Report>,
}

impl<E: Recoverable> Failed<E> {
    /// Joins an error and its report; the report's summary is the error's sentence unless an
    /// earlier cause is recorded.
    pub fn new(error: E, mut report: Report) -> Self {
        report.conclude(error.to_string(), error.actor());
        Self {
            error: Box::new(error),
            report: Box::new(report),
        }
    }

    /// The error.
    pub fn error(&self) -> &E {
        &self.error
    }

    /// What was tried.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        self.error.recovery()
    }

    /// The error and the report.
    pub fn into_parts(self) -> (E, Report) {
        (*self.error, *self.report)
    }
}

impl<E: std::fmt::Display> std::fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}
