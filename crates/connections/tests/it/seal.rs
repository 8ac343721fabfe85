use gatepass_connections::{KeyRing, Owner, OwnerPurpose, OwnerSecret, Sealed, ServerPurpose};
use proptest::prelude::*;

use crate::support::Counting;

fn setting() -> (Counting, KeyRing, Owner) {
    let random = Counting::default();
    let keys = KeyRing::generate(&random);
    let owner = Owner::new(OwnerSecret::generate(&random));
    (random, keys, owner)
}

#[test]
fn a_seal_opens_only_for_its_owner_purpose_binding_and_key() {
    let (random, keys, owner) = setting();
    let purpose = OwnerPurpose::Connection;
    let sealed = keys.seal_for(&owner, purpose, "id-1", &random, b"secret");
    assert_eq!(
        **keys.open_for(&owner, purpose, "id-1", &sealed).unwrap(),
        *b"secret"
    );
    let other = Owner::new(OwnerSecret::generate(&random));
    assert!(keys.open_for(&other, purpose, "id-1", &sealed).is_err());
    assert!(keys.open_for(&owner, purpose, "id-2", &sealed).is_err());
    for purpose in [OwnerPurpose::Flow, OwnerPurpose::Headers] {
        assert!(keys.open_for(&owner, purpose, "id-1", &sealed).is_err());
    }
    for purpose in [ServerPurpose::Outbox, ServerPurpose::Registration] {
        assert!(keys.open_for_server(purpose, "id-1", &sealed).is_err());
    }
    let strange = KeyRing::generate(&random);
    assert!(strange.open_for(&owner, purpose, "id-1", &sealed).is_err());
    let again = keys.seal_for(&owner, purpose, "id-1", &random, b"secret");
    assert_ne!(again, sealed, "no two seals are alike");
}

#[test]
fn an_owner_secret_is_43_characters_and_does_not_print() {
    let (_, _, owner) = setting();
    let text = owner.secret().to_text();
    assert_eq!(Owner::new(OwnerSecret::parse(&text).unwrap()), owner);
    for wrong in [
        "",
        "AAAA",
        &"A".repeat(44),
        &"!".repeat(43),
        &format!("{}=", *text),
    ] {
        assert!(OwnerSecret::parse(wrong).is_err(), "{wrong}");
    }
    assert!(!format!("{owner:?}").contains(&text[..10]));
}

proptest! {
    #[test]
    fn a_seal_with_any_change_does_not_open(plain in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), c in "[A-Za-z0-9._-]") {
        let (random, keys, owner) = setting();
        let sealed = keys.seal_for(&owner, OwnerPurpose::Flow, "x", &random, &plain);
        let opened = keys.open_for(&owner, OwnerPurpose::Flow, "x", &sealed).unwrap();
        prop_assert_eq!(&*opened, &plain);
        let mut text = sealed.as_str().to_owned();
        let at = at.index(text.len());
        text.replace_range(at..=at, &c);
        prop_assume!(text != sealed.as_str());
        prop_assert!(keys.open_for(&owner, OwnerPurpose::Flow, "x", &Sealed::from_text(text)).is_err());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        let (_, keys, owner) = setting();
        let sealed = Sealed::from_text(text);
        prop_assert!(keys.open_for(&owner, OwnerPurpose::Connection, "x", &sealed).is_err());
    }
}
