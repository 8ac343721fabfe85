//! Which client a flow uses: one that was typed in, else the ladder of the protocol crate with the
//! operator's clients on its first rung.

use gatepass_connections::RegistrationsError;
use mcp_oauth_client::{
    AuthorizationServer, GivenClient, Registration, RegistrationKind, Rung, Scopes, Settings,
    registration::{given, ladder},
};

use crate::{
    app::App,
    config::{Config, PreregisteredClient},
    problem::{Kind, Problem},
};

/// The operator's client at an issuer, if there is one.
pub fn preregistered<'a>(
    config: &'a Config,
    server: &AuthorizationServer,
) -> Option<&'a PreregisteredClient> {
    config
        .clients
        .iter()
        .find(|client| client.issuer == server.issuer)
}

/// The rung that applies when nobody typed a client in.
pub fn rung(config: &Config, settings: &Settings, server: &AuthorizationServer) -> Rung {
    let client = preregistered(config, server).map(|client| GivenClient {
        client_id: client.client_id.clone(),
        client_secret: client.client_secret.clone(),
        client_key: None,
        auth_method: Some(client.auth_method),
    });
    ladder(server, client.as_ref(), settings)
}

/// The rung's name on the wire.
pub fn rung_name(rung: &Rung) -> &'static str {
    match rung {
        Rung::Ready(registration) => kind_name(registration.kind),
        Rung::Dynamic => "dynamic",
        Rung::ClientRequired => "client-required",
    }
}

/// A registration's kind on the wire.
pub fn kind_name(kind: RegistrationKind) -> &'static str {
    match kind {
        RegistrationKind::Preregistered => "preregistered",
        RegistrationKind::MetadataDocument => "metadata-document",
        RegistrationKind::Dynamic => "dynamic",
        RegistrationKind::Manual => "manual",
    }
}

/// What is known when a registration is chosen.
pub struct Wanted<'a> {
    /// The client that was typed in.
    pub typed: Option<GivenClient>,
    /// The client of the connection that the flow renews.
    pub renewed: Option<&'a Registration>,
    /// Whether to register anew instead of using the registration that is kept.
    pub anew: bool,
    /// The scopes that will be asked for.
    pub scopes: &'a Scopes,
}

/// The registration that a flow uses.
pub struct Chosen {
    /// The registration.
    pub registration: Registration,
    /// Whether it was made for this flow and is to be kept once it has worked.
    pub unproved: bool,
}

impl From<Registration> for Chosen {
    fn from(registration: Registration) -> Self {
        Self {
            registration,
            unproved: false,
        }
    }
}

/// The registration for a flow: the operator's client, else one that was typed in (now, or for the
/// connection that the flow renews), else the rest of the ladder, registering if it must.
pub async fn registration(
    app: &App,
    server: &AuthorizationServer,
    wanted: Wanted<'_>,
) -> Result<Chosen, Problem> {
    let settings = app.auth.settings();
    let rung = rung(&app.config, settings, server);
    if let Rung::Ready(registration) = &rung
        && registration.kind == RegistrationKind::Preregistered
    {
        return Ok(registration.clone().into());
    }
    if let Some(client) = wanted.typed {
        return Ok(given(&client, server, RegistrationKind::Manual, settings).into());
    }
    if let Some(renewed) = wanted.renewed.filter(|renewed| {
        renewed.kind == RegistrationKind::Manual
            && renewed.issuer == server.issuer
            && renewed.redirect_uri == settings.redirect_uri
    }) {
        return Ok(renewed.clone().into());
    }
    let required = |problem: Problem| {
        problem
            .with("issuer", server.issuer.as_str())
            .with("redirectUri", settings.redirect_uri.as_str())
    };
    match rung {
        Rung::Ready(registration) => Ok(registration.into()),
        Rung::Dynamic => {
            let register = || app.auth.register(server, wanted.scopes);
            let made = if wanted.anew {
                // What is kept stays for everybody else until this one has worked.
                register().await.map_err(RegistrationsError::Register)
            } else {
                app.registrations
                    .get_or_register(&server.issuer, &settings.redirect_uri, register)
                    .await
            };
            match made {
                Ok(registration) => Ok(Chosen {
                    registration,
                    unproved: wanted.anew,
                }),
                Err(RegistrationsError::Store(error)) => Err(error.into()),
                Err(RegistrationsError::Register(failed)) => {
                    let problem = Problem::from(failed);
                    Err(match problem.kind() {
                        Kind::ClientRequired => required(problem),
                        _ => problem,
                    })
                }
            }
        }
        Rung::ClientRequired => Err(required(Problem::new(
            Kind::ClientRequired,
            format!(
                "{} does not register apps by itself. Register one there with the redirect URI {} \
                 and enter its client id.",
                server.issuer.host(),
                settings.redirect_uri
            ),
        ))),
    }
}
