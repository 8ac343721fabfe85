use std::{os::unix::fs::PermissionsExt, sync::Arc};

use gatepass_connections::{KeyRing, KeyRingError, Need, key_file};

use crate::support::*;

fn ring(text: &str) -> Arc<KeyRing> {
    Arc::new(KeyRing::parse(text).unwrap())
}

#[tokio::test]
async fn changing_the_master_key_loses_no_connection() {
    let place = place().await;
    let owner = place.owner();
    let old = place.keys.to_text();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();

    let new = KeyRing::generate(&*place.random).to_text();
    let both = place.replica_with(ring(&format!("{}{}", *new, *old))).await;
    let current = both
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    let resealed = current.newer.unwrap();

    let only_new = place.replica_with(ring(&new)).await;
    let current = only_new
        .connections
        .current(&owner, &resealed, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2);
    let lost = only_new
        .connections
        .current(&owner, &kept, Need::Valid)
        .await;
    assert_eq!(
        lost.unwrap_err().to_string(),
        "This connection cannot be opened here: this was sealed for another browser, or by a key that this server no longer has. Connect again."
    );
}

#[test]
fn keys_are_read_as_base64_or_hex_and_named_by_their_place_where_they_are_wrong() {
    let hex = "00".repeat(32);
    let base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let ring = KeyRing::parse(&format!("# newest\n{base64}, {hex}\n\n")).unwrap();
    assert_eq!(ring.to_text().lines().count(), 2);
    assert!(!format!("{ring:?}").contains("AQEB"));
    assert_eq!(KeyRing::parse("").unwrap_err(), KeyRingError::Empty);
    assert_eq!(
        KeyRing::parse("# nothing").unwrap_err(),
        KeyRingError::Empty
    );
    let wrong = KeyRing::parse(&format!("{hex}\nhunter2")).unwrap_err();
    assert_eq!(wrong, KeyRingError::NotAKey(2));
    let many = format!("{hex}\n").repeat(17);
    assert_eq!(KeyRing::parse(&many).unwrap_err(), KeyRingError::TooMany);
}

#[test]
fn the_key_file_is_private_stays_the_same_and_is_refused_when_others_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let first = key_file::load_or_create(&path, &Counting::default()).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let random = Counting::default();
    mcp_oauth_client::Random::fill(&random, &mut [0; 8]);
    let second = key_file::load_or_create(&path, &random).unwrap();
    assert_eq!(*first.to_text(), *second.to_text());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let refused = key_file::load_or_create(&path, &random)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("mode 640") && refused.contains("chmod 600"),
        "{refused}"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left"
    );
}

#[test]
fn what_a_start_that_died_left_behind_does_not_stop_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(draft, "half a k").unwrap();
    key_file::load_or_create(&path, &Counting::default()).unwrap();
    let missing = folder.path().join("nowhere").join("master.key");
    let refused = key_file::load_or_create(&missing, &Counting::default()).unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
}
