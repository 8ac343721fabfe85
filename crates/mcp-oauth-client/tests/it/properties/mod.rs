//! What holds of every parser of documents from outside, whatever comes.

mod callback;
mod challenge;
mod metadata;
mod registration;
mod token;

use proptest::{collection, prelude::*, sample};
use serde_json::{Map, Value};

use crate::seeds::targets;

/// Any JSON, as deep and wide as a test has time for.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec(("[a-z_]{1,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document whose members have names that matter, and values that may or may not.
fn document(
    names: &'static [&'static str],
    values: &'static [&'static str],
) -> impl Strategy<Value = Map<String, Value>> {
    let plausible = sample::select(values).prop_map(|text| {
        // As it stands if it is JSON, such as a list or a number; else a string.
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
    });
    let value = prop_oneof![2 => any_json(), 3 => plausible];
    collection::vec((sample::select(names), value), 0..10).prop_map(|members| {
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

/// Runs the fuzz target of a name, which checks what must hold.
fn check(target: &str, data: &[u8]) -> bool {
    let found = targets::TARGETS.iter().find(|(name, _)| *name == target);
    found.unwrap().1(data)
}

proptest! {
    #[test]
    fn random_bytes_break_no_parser(data in collection::vec(any::<u8>(), 0..300)) {
        for (_, parse) in targets::TARGETS {
            parse(&data);
        }
    }

    #[test]
    fn any_json_breaks_no_parser(document in any_json()) {
        let text = document.to_string();
        for (_, parse) in targets::TARGETS {
            parse(text.as_bytes());
        }
    }
}
