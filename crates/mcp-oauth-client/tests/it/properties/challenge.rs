use mcp_oauth_client::{Challenge, Challenges};
use proptest::{collection, prelude::*};

use super::check;

/// A header value by the grammar of RFC 9110 §11.6.1, with what was put into it.
fn written() -> impl Strategy<Value = (String, Vec<(String, String)>)> {
    let param = ("[a-z_]{1,10}", "[ -~]{1,30}", any::<bool>());
    collection::vec(param, 0..8).prop_map(|params| {
        let mut seen = Vec::new();
        let mut text = "Bearer".to_owned();
        for (name, value, spaced) in params {
            if seen.iter().any(|(own, _)| *own == name) {
                continue;
            }
            let equals = if spaced { " = " } else { "=" };
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let comma = if seen.is_empty() { " " } else { ", " };
            text.push_str(&format!("{comma}{name}{equals}\"{quoted}\""));
            seen.push((name, value));
        }
        (text, seen)
    })
}

proptest! {
    #[test]
    fn what_is_written_by_the_grammar_is_read((text, params) in written()) {
        let all = Challenges::parse(&text);
        prop_assert_eq!(all.iter().count(), 1);
        let bearer = all.bearer().unwrap();
        for (name, value) in &params {
            prop_assert_eq!(bearer.param(name), Some(value.as_str()));
            let upper = name.to_ascii_uppercase();
            prop_assert_eq!(bearer.param(&upper), Some(value.as_str()));
        }
    }

    #[test]
    fn challenges_keep_their_order_whatever_stands_between(
        lines in collection::vec(written(), 1..4),
        other in "(Basic realm=\"[ -!#-\\[\\]-~]{0,20}\"|Negotiate [A-Za-z0-9+/]{1,20}==|Digest)",
    ) {
        let mut text = String::new();
        for (line, _) in &lines {
            text.push_str(&format!("{other}, {line}, "));
        }
        let all = Challenges::parse(&text);
        let schemes: Vec<_> = all.iter().map(Challenge::scheme).collect();
        prop_assert_eq!(schemes.len(), lines.len() * 2);
        prop_assert!(schemes.iter().skip(1).step_by(2).all(|scheme| *scheme == "Bearer"));
    }

    #[test]
    fn nothing_out_of_a_quoted_text_becomes_a_parameter_or_a_challenge(inside in "[ -~]{0,60}") {
        let quoted = inside.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("Basic realm=\"{quoted} , Bearer scope=admin, resource_metadata=x\"");
        let all = Challenges::parse(&text);
        prop_assert!(all.oauth().is_none());
        prop_assert_eq!(all.iter().count(), 1);
    }

    #[test]
    fn any_header_bytes_are_survived(data in collection::vec(32_u8.., 0..200)) {
        check("challenge", &data);
    }
}
