//! Tool names for the model: unique over all servers of a turn, and made of what every endpoint
//! accepts (`[A-Za-z0-9_-]`, at most 64).

use std::collections::HashMap;

/// Longest name endpoints accept.
const LONGEST: usize = 64;

/// Gives each `(server, tool)` a name of its own, in order. The same servers and tools get the
/// same names again, so that a conversation's earlier calls keep theirs.
pub fn aliases(tools: &[(&str, &str)]) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    tools
        .iter()
        .map(|(server, tool)| {
            let server = slug(server, 20);
            let room = LONGEST - server.len() - 2;
            let mut alias = format!("{server}__{}", slug(tool, room));
            while let Some(count) = taken.get_mut(&alias) {
                // Different names can come to the same slug; a number tells them apart.
                *count += 1;
                let number = format!("_{count}");
                alias.truncate(LONGEST - number.len());
                alias.push_str(&number);
            }
            taken.insert(alias.clone(), 1);
            alias
        })
        .collect()
}

fn slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() == most {
            break;
        }
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => slug.push(c),
            // Never two in a row: they stand between server and tool.
            _ if !slug.ends_with('_') && !slug.is_empty() => slug.push('_'),
            _ => {}
        }
    }
    let slug = slug.trim_end_matches('_');
    if slug.is_empty() { "tool" } else { slug }.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_servers_with_the_same_tool_do_not_collide() {
        let names = aliases(&[("Notes", "search"), ("Wiki", "search"), ("Notes", "search")]);
        assert_eq!(names, ["Notes__search", "Wiki__search", "Notes__search_2"]);
    }

    #[test]
    fn names_that_only_differ_in_what_endpoints_refuse_are_told_apart() {
        let names = aliases(&[
            ("a b", "x.y"),
            ("a b", "x/y"),
            ("a__b", "x y"),
            ("", "日本"),
        ]);
        assert_eq!(
            names,
            ["a_b__x_y", "a_b__x_y_2", "a_b__x_y_3", "tool__tool"]
        );
    }

    proptest! {
        #[test]
        fn every_name_is_unique_and_acceptable(
            tools in prop::collection::vec((".{0,80}", ".{0,120}"), 0..40)
        ) {
            let pairs: Vec<_> = tools.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let names = aliases(&pairs);
            let unique: std::collections::HashSet<_> = names.iter().collect();
            prop_assert_eq!(unique.len(), names.len());
            for name in &names {
                prop_assert!(!name.is_empty() && name.len() <= LONGEST);
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                prop_assert!(name.chars().all(plain));
            }
        }
    }
}
