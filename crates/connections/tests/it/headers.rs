use std::{collections::BTreeMap, sync::Arc};

use gatepass_connections::{HeaderSeals, KeyRing, Owner, OwnerSecret, Sealed};
use mcp_oauth_client::{Secret, ServerUrl, UrlPolicy};

use crate::support::*;

#[test]
fn headers_open_for_their_owner_and_their_server_only() {
    let random = Arc::new(Counting::default());
    let keys = Arc::new(KeyRing::generate(&*random));
    let seals = HeaderSeals::new(keys, random.clone());
    let owner = Owner::new(OwnerSecret::generate(&*random));
    let stranger = Owner::new(OwnerSecret::generate(&*random));
    let url = |text| ServerUrl::parse(text, UrlPolicy::HttpsOnly).unwrap();
    let server = url("https://mcp.example/mcp");
    let headers = BTreeMap::from([("x-api-key".to_owned(), Secret::new("key-1"))]);

    let sealed = seals.seal(&owner, &server, &headers);
    assert!(!sealed.as_str().contains("key-1"));
    let opened = seals.open(&owner, &server, &sealed).unwrap();
    assert_eq!(opened["x-api-key"].expose(), "key-1");

    assert!(seals.open(&stranger, &server, &sealed).is_err());
    for other in ["https://mcp.example/other", "https://evil.example/mcp"] {
        assert!(seals.open(&owner, &url(other), &sealed).is_err());
    }
    let text = sealed.as_str();
    let cut = Sealed::from_text(&text[..text.len() - 2]);
    assert!(seals.open(&owner, &server, &cut).is_err());
}
