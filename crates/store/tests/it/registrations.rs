use gatepass_connections::{
    Sealed,
    store::{ConnectionStore, RegistrationRow, RegistrationStore},
};

use crate::engines::*;

fn registration(version: &str) -> RegistrationRow {
    RegistrationRow {
        issuer: "https://as.example".into(),
        redirect_uri: "https://app.example/cb".into(),
        version: version.into(),
        sealed: Sealed::from_text(version),
        created_at: at(7),
    }
}

#[tokio::test]
async fn the_first_registration_stays_and_is_forgotten_by_its_version() {
    each(async |db| {
        let first = registration("1");
        let (issuer, redirect_uri) = (first.issuer.as_str(), first.redirect_uri.as_str());
        assert_eq!(db.add_registration(&first).await.unwrap(), first);
        assert_eq!(
            db.add_registration(&registration("2")).await.unwrap(),
            first
        );
        assert!(
            !db.forget_registration(issuer, redirect_uri, "2")
                .await
                .unwrap()
        );
        assert_eq!(
            db.registration(issuer, "https://other").await.unwrap(),
            None
        );
        assert!(
            db.forget_registration(issuer, redirect_uri, "1")
                .await
                .unwrap()
        );
        assert_eq!(db.registration(issuer, redirect_uri).await.unwrap(), None);
        let second = db.add_registration(&registration("2")).await.unwrap();
        assert_eq!(second.version, "2");
    })
    .await;
}

#[tokio::test]
async fn what_is_sealed_can_be_looked_at_without_what_has_ended() {
    each(async |db| {
        db.add_registration(&registration("1")).await.unwrap();
        db.add_connection(&row("a", 1, 1)).await.unwrap();
        db.add_connection(&row("b", 1, 1)).await.unwrap();
        let (one, b) = (owner(1), connection("b"));
        assert!(db.end_connection(&one, &b, 1, at(9)).await.unwrap());
        let mut seals = db.some_seals().await.unwrap();
        seals.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        let texts: Vec<_> = seals.iter().map(Sealed::as_str).collect();
        assert_eq!(texts, ["1", "seal-1"]);
    })
    .await;
}
