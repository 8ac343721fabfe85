//! Tool names for the model: unique over all servers of a turn, and made of what every endpoint
//! accepts (`[A-Za-z0-9_-]`, at most 64).

use std::collections::HashMap;

/// Longest name endpoints accept.
const LONGEST: usize = 64;

/// Gives each tool, by its server's place in `servers`, a name of its own, in order. The same
/// servers and tools get the same names again, whichever of the servers answer today, so that a
/// conversation's earlier calls keep theirs.
pub fn aliases(servers: &[&str], tools: &[(usize, &str)]) -> Vec<String> {
    let mut taken = HashMap::new();
    let servers: Vec<String> = servers
        .iter()
        .map(|server| unique(slug(server, 20), &mut taken))
        .collect();
    let mut taken = HashMap::new();
    tools
        .iter()
        .map(|(at, tool)| {
            let server = servers.get(*at).map_or("tool", String::as_str);
            let room = LONGEST - server.len() - 2;
            unique(format!("{server}__{}", slug(tool, room)), &mut taken)
        })
        .collect()
}

/// Different names can come to the same slug; a number tells them apart.
fn unique(mut name: String, taken: &mut HashMap<String, usize>) -> String {
    while let Some(count) = taken.get_mut(&name) {
        *count += 1;
        let number = format!("_{count}");
        name.truncate(LONGEST - number.len());
        name.push_str(&number);
    }
    taken.insert(name.clone(), 1);
    name
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
        let names = aliases(
            &["Notes", "Wiki"],
            &[(0, "search"), (1, "search"), (0, "search")],
        );
        assert_eq!(names, ["Notes__search", "Wiki__search", "Notes__search_2"]);
    }

    #[test]
    fn two_servers_of_one_name_keep_their_own_when_one_is_away() {
        let both = aliases(&["Notes", "Notes"], &[(0, "search"), (1, "search")]);
        assert_eq!(both, ["Notes__search", "Notes_2__search"]);
        let second = aliases(&["Notes", "Notes"], &[(1, "search")]);
        assert_eq!(second, ["Notes_2__search"]);
    }

    #[test]
    fn names_that_only_differ_in_what_endpoints_refuse_are_told_apart() {
        let names = aliases(
            &["a b", ""],
            &[(0, "x.y"), (0, "x/y"), (0, "x y"), (1, "日本")],
        );
        assert_eq!(
            names,
            ["a_b__x_y", "a_b__x_y_2", "a_b__x_y_3", "tool__tool"]
        );
    }

    proptest! {
        #[test]
        fn every_name_is_unique_and_acceptable(
            servers in prop::collection::vec(".{0,80}", 1..6),
            tools in prop::collection::vec((0..6_usize, ".{0,120}"), 0..40)
        ) {
            let servers: Vec<_> = servers.iter().map(String::as_str).collect();
            let pairs: Vec<_> = tools
                .iter()
                .map(|(at, tool)| (at % servers.len(), tool.as_str()))
                .collect();
            let names = aliases(&servers, &pairs);
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
