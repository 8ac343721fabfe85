use gatepass_connections::{CustodyError, Need, Sealed};
use mcp_oauth_client::{Recovery, ServerUrl, UrlPolicy};

use crate::support::*;

#[tokio::test]
async fn a_kept_connection_opens_for_its_owner_and_shows_no_secret() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let shown = serde_json::to_string(&kept).unwrap();
    for secret in ["at-0", "rt-0", "client-secret-1"] {
        assert!(!shown.contains(secret));
    }
    assert_eq!(kept.generation, 1);
    assert!(kept.refreshable);
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.connection, place.fresh());
    assert!(current.newer.is_none());
    assert_eq!(place.server.refreshes(), 0);
}

#[tokio::test]
async fn another_owner_cannot_open_it_with_or_without_its_id() {
    let place = place().await;
    let (owner, thief) = (place.owner(), place.owner());
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let error = place
        .connections
        .current(&thief, &kept, Need::Valid)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Unreadable(_)));
    assert_eq!(error.recovery(), Recovery::Reauthorize);
    assert!(place.connections.disconnect(&thief, &kept).await.is_err());

    let own = place
        .connections
        .keep(&thief, &place.fresh())
        .await
        .unwrap();
    let mut mixed = own.clone();
    mixed.id = kept.id.clone();
    let error = place
        .connections
        .current(&thief, &mixed, Need::Valid)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Unreadable(_)));
    assert!(
        place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_the_page_claims_beside_the_seal_is_not_believed() {
    let place = place().await;
    let owner = place.owner();
    let mut kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    kept.resource = "https://evil.example".into();
    kept.issuer = "https://evil.example".into();
    kept.generation = 99;
    kept.expires_at = None;
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.connection, place.fresh());
    assert_eq!(current.opened.generation, 1);
}

#[tokio::test]
async fn a_connection_is_never_used_with_another_server() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    for other in [
        "https://evil.example/mcp",
        "https://mcp.example/other",
        "https://mcp.example/mcp?x=1",
        "https://mcp.example:8443/mcp",
    ] {
        let server = ServerUrl::parse(other, UrlPolicy::HttpsOnly).unwrap();
        let need = Need::Valid;
        let error = place
            .connections
            .current_for(&owner, &kept, &server, need)
            .await;
        assert!(matches!(error, Err(CustodyError::OtherServer)), "{other}");
    }
}

#[tokio::test]
async fn a_database_dump_with_the_master_key_opens_nothing_without_the_cookie() {
    let place = place().await;
    let owner = place.owner();
    place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    place.store.close().await;
    let mut dump = Vec::new();
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        dump.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let text = String::from_utf8_lossy(&dump);
    for secret in ["at-0", "rt-0", "client-secret-1"] {
        assert!(!text.contains(secret));
    }
    let start = text.find("s1.").unwrap();
    let seal: String = text[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .collect();
    // The thief has the master key and guesses at every other input.
    let stolen = Sealed::from_text(seal);
    for id in ["", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let purpose = gatepass_connections::OwnerPurpose::Connection;
        assert!(
            place
                .keys
                .open_for(&place.owner(), purpose, id, &stolen)
                .is_err()
        );
        for purpose in [
            gatepass_connections::ServerPurpose::Outbox,
            gatepass_connections::ServerPurpose::Registration,
        ] {
            assert!(place.keys.open_for_server(purpose, id, &stolen).is_err());
        }
    }
}

#[tokio::test]
async fn a_new_database_takes_over_what_the_page_carries() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let elsewhere = crate::support::place().await;
    let moved = elsewhere.replica_with(place.keys.clone()).await;
    let current = moved
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2);
}

#[tokio::test]
async fn the_largest_tokens_are_kept_and_an_oversized_seal_is_not_even_looked_at() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.tokens.access_token = mcp_oauth_client::Secret::new("t".repeat(64 * 1024));
    let mut kept = place.connections.keep(&owner, &connection).await.unwrap();
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.connection, connection);
    let padded = format!("{}{}", kept.sealed.as_str(), "A".repeat(1024 * 1024));
    kept.sealed = Sealed::from_text(padded);
    let error = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Unreadable(_)));
}

#[tokio::test]
async fn a_connection_of_a_version_nobody_knows_is_to_be_connected_again() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.version = 200;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    let error = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Unreadable(_)));
    assert_eq!(error.recovery(), mcp_oauth_client::Recovery::Reauthorize);
}

#[tokio::test]
async fn callers_with_copies_of_every_age_end_at_the_newest_generation() {
    let place = place().await;
    let owner = place.owner();
    let first = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let mut copies = vec![first.clone()];
    for _ in 0..4 {
        let newest = copies.last().unwrap();
        let current = place
            .connections
            .current(&owner, newest, Need::Newer)
            .await
            .unwrap();
        copies.push(current.newer.unwrap());
    }
    // An older seal replayed under a newer number is still the older one, and adopts.
    copies.push(gatepass_connections::SealedConnection {
        generation: 99,
        ..first
    });
    for copy in &copies {
        let current = place
            .connections
            .current(&owner, copy, Need::Valid)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 5);
    }
    assert_eq!(place.server.refreshes(), 4);
}
