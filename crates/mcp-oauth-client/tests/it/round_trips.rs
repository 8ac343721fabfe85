//! How many times one after another something is asked of the world, until the user can be sent
//! off: no more often than the specifications' order forces.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_oauth_client::{
    AuthClient, Binding, BoxFuture, Discovery, Leg, ProtectedServer, Registration, Request,
    Response, Rung, Scopes, Settings, Target, Transport, TransportError, registration,
};
use serde_json::json;

use crate::support::*;

/// Counts rounds: requests that are under way together are one.
struct Rounds {
    world: Arc<World>,
    under_way: AtomicUsize,
    rounds: AtomicUsize,
    requests: AtomicUsize,
}

impl Rounds {
    fn over(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            world,
            under_way: AtomicUsize::new(0),
            rounds: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        })
    }

    fn client(self: &Arc<Self>, settings: Settings) -> AuthClient {
        let (clock, random) = (Arc::new(Frozen), Arc::new(Counting::default()));
        AuthClient::new(self.clone(), clock, random, settings)
    }

    fn counted(&self) -> (usize, usize) {
        (self.rounds.load(SeqCst), self.requests.load(SeqCst))
    }
}

impl Transport for Rounds {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            self.requests.fetch_add(1, SeqCst);
            if self.under_way.fetch_add(1, SeqCst) == 0 {
                self.rounds.fetch_add(1, SeqCst);
            }
            // Long enough for everything that is asked side by side to be on its way.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            self.under_way.fetch_sub(1, SeqCst);
            self.world.send(leg, request).await
        })
    }
}

async fn found(client: &AuthClient) -> ProtectedServer {
    match client.discover(&server()).await.unwrap() {
        Discovery::Protected(found) => *found,
        Discovery::Open(_) => unreachable!("it asks for a token"),
    }
}

async fn registered(client: &AuthClient, found: &ProtectedServer) -> Registration {
    match registration::ladder(&found.authorization_server, None, client.settings()) {
        Rung::Ready(registration) => registration,
        Rung::Dynamic => {
            let server = &found.authorization_server;
            client.register(server, &Scopes::none()).await.unwrap()
        }
        Rung::ClientRequired => unreachable!("it registers everybody"),
    }
}

fn send_off(client: &AuthClient, found: &ProtectedServer, registration: Registration) -> String {
    let target = Target {
        server: found.server.clone(),
        resource: found.resource.clone(),
        scopes: found.scopes_at(&found.authorization_server),
        binding: Binding::Bearer,
    };
    let (url, _) = client
        .begin(target, &found.authorization_server, registration)
        .unwrap();
    url.to_string()
}

/// A world whose authorization server has a path, and so three places for its metadata.
fn with_a_path() -> Arc<World> {
    let world = World::well_behaved();
    world.json(
        "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
        json!({"resource": MCP, "authorization_servers": ["https://as.example/tenant"]}),
    );
    world.json(
        "GET https://as.example/tenant/.well-known/openid-configuration",
        server_metadata_with(json!({"issuer": "https://as.example/tenant"})),
    );
    world
}

fn registers(world: &World) {
    world.json(
        "POST https://as.example/register",
        json!({"client_id": "c-1"}),
    );
}

#[tokio::test]
async fn a_cold_start_takes_four_rounds_with_a_registration() {
    let world = World::well_behaved();
    registers(&world);
    let rounds = Rounds::over(world);
    let client = rounds.client(settings());
    let found = found(&client).await;
    let registration = registered(&client, &found).await;
    assert!(send_off(&client, &found, registration).starts_with("https://as.example/authorize?"));
    // The challenge, the resource's metadata, the server's metadata (two places), a registration.
    assert_eq!(rounds.counted(), (4, 5));
}

#[tokio::test]
async fn a_cold_start_takes_three_rounds_with_a_published_client() {
    let world = World::well_behaved();
    world.json(
        "GET https://as.example/.well-known/oauth-authorization-server",
        server_metadata_with(json!({"client_id_metadata_document_supported": true})),
    );
    let rounds = Rounds::over(world);
    let mut settings = settings();
    settings.client_metadata_url = Some("https://app.example/client.json".to_owned());
    let client = rounds.client(settings);
    let found = found(&client).await;
    let registration = registered(&client, &found).await;
    send_off(&client, &found, registration);
    assert_eq!(rounds.counted(), (3, 4));
}

#[tokio::test]
async fn more_places_to_look_at_take_no_more_rounds() {
    let world = with_a_path();
    world.challenge("Bearer");
    registers(&world);
    let rounds = Rounds::over(world);
    let client = rounds.client(settings());
    let found = found(&client).await;
    registered(&client, &found).await;
    // One challenge, two places for the resource, three for the server, one registration.
    assert_eq!(rounds.counted(), (4, 7));
}

#[tokio::test]
async fn what_is_known_takes_no_round_at_all() {
    for world in [World::well_behaved(), with_a_path()] {
        registers(&world);
        let rounds = Rounds::over(world);
        let client = rounds.client(settings());
        assert!(client.recall(&server()).is_none(), "nothing is known yet");
        let first = found(&client).await;
        let registration = registered(&client, &first).await;
        let before = rounds.counted();
        let known = client.recall(&server()).unwrap();
        assert_eq!(known.resource, first.resource);
        assert_eq!(known.wanted_scopes, first.wanted_scopes);
        assert_eq!(known.authorization_server, first.authorization_server);
        send_off(&client, &known, registration);
        let issuer = &known.authorization_server.issuer;
        client.authorization_server(issuer).await.unwrap();
        assert_eq!(rounds.counted(), before, "nothing was sent");
    }
}

#[tokio::test]
async fn the_whole_flow_from_nothing_to_tokens_takes_five_rounds() {
    let world = World::well_behaved();
    registers(&world);
    world.json(
        "POST https://as.example/token",
        json!({"access_token": "at-1"}),
    );
    let rounds = Rounds::over(world);
    let client = rounds.client(settings());
    let found = found(&client).await;
    let registration = registered(&client, &found).await;
    let target = Target {
        server: found.server.clone(),
        resource: found.resource.clone(),
        scopes: Scopes::none(),
        binding: found.binding,
    };
    let (_, pending) = client
        .begin(target, &found.authorization_server, registration)
        .unwrap();
    let callback = pending.clone().validate(answer_to(&pending), NOW).unwrap();
    client.exchange(callback).await.unwrap();
    assert_eq!(rounds.counted().0, 5);
}
