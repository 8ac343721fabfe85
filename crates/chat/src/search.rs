//! Finding a conversation by what was said in it: what of a message is searched, which words are
//! looked for, and what is shown of the place.

use serde_json::Value;

/// Most words looked for; what comes after them is one word with the last, blanks included.
pub const MOST_WORDS: usize = 4;
/// Longest query, in characters; the rest is not looked for.
const LONGEST_QUERY: usize = 200;
/// Most characters of one message that are searched.
const MOST_SAID: usize = 16_000;
/// Characters shown before and after the place where the words were found.
const AROUND: (usize, usize) = (30, 90);

/// What is looked for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

impl SearchWords {
    /// The words of a query; nothing if there are none.
    pub fn of(query: &str) -> Option<Self> {
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let query: String = query.chars().take(LONGEST_QUERY).map(plain).collect();
        let query = folded(&query);
        let all: Vec<&str> = query.split_whitespace().collect();
        if all.is_empty() {
            return None;
        }
        let (first, rest) = all.split_at(all.len().min(MOST_WORDS - 1));
        let mut words: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
        if !rest.is_empty() {
            words.push(rest.join(" "));
        }
        Some(Self(words))
    }

    /// A pattern for SQL's `LIKE … ESCAPE '\'` for each place of a query; there is always the same
    /// number of them.
    pub fn patterns(&self) -> [String; MOST_WORDS] {
        std::array::from_fn(|at| match self.0.get(at) {
            None => "%".to_owned(),
            Some(word) => {
                let mut pattern = String::from("%");
                for letter in word.chars() {
                    if matches!(letter, '%' | '_' | '\\') {
                        pattern.push('\\');
                    }
                    pattern.push(letter);
                }
                pattern.push('%');
                pattern
            }
        })
    }

    /// The words around the first place in a text that has one of them.
    pub fn excerpt(&self, said: &str) -> String {
        let folded = folded(said);
        let found = self.0.iter().find_map(|word| folded.find(word.as_str()));
        // Folding keeps the number of letters, so their places are the same.
        let at = found.map_or(0, |found| folded[..found].chars().count());
        // A beginning that is near is shown.
        let begin = if at > 2 * AROUND.0 { at - AROUND.0 } else { 0 };
        let text: String = said.chars().skip(begin).take(AROUND.0 + AROUND.1).collect();
        let cut = said.chars().count() > begin + AROUND.0 + AROUND.1;
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "{}{words}{}",
            if begin > 0 { "…" } else { "" },
            if cut { "…" } else { "" }
        )
    }
}

/// A text in lower case, letter by letter: it has as many letters as before.
pub fn folded(text: &str) -> String {
    text.chars()
        .map(|letter| {
            let mut lower = letter.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(lower), None) => lower,
                _ => letter,
            }
        })
        .collect()
}

/// What a message says, for searching: its texts, without what tools were told and gave back.
pub fn said(parts: &[Value]) -> String {
    let texts = parts.iter().filter(|part| part["type"] == "text");
    let texts: Vec<&str> = texts.filter_map(|part| part["text"].as_str()).collect();
    // A NUL is no letter for PostgreSQL.
    let letters = texts.join("\n");
    letters
        .chars()
        .filter(|letter| *letter != '\0')
        .take(MOST_SAID)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_looked_for_one_by_one_and_never_as_patterns() {
        assert_eq!(SearchWords::of(" \n\0 "), None);
        let patterns = |query| SearchWords::of(query).unwrap().patterns();
        assert_eq!(patterns("Größe  X"), ["%größe%", "%x%", "%", "%"]);
        assert_eq!(patterns("a b c d e"), ["%a%", "%b%", "%c%", "%d e%"]);
        assert_eq!(patterns("100%_\\"), ["%100\\%\\_\\\\%", "%", "%", "%"]);
        let long = "x".repeat(10_000);
        assert_eq!(patterns(&long)[0].len(), LONGEST_QUERY + 2);
    }

    #[test]
    fn an_excerpt_shows_the_place_in_its_own_letters() {
        let words = SearchWords::of("İSTANBUL tea").unwrap();
        let text = format!(
            "{}We had TEA\nin İstanbul. {}",
            "so ".repeat(40),
            "x".repeat(200)
        );
        let shown = words.excerpt(&text);
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert!(shown.contains("TEA in İstanbul"), "{shown}");
        assert_eq!(words.excerpt("Tea."), "Tea.");
    }

    #[test]
    fn what_tools_gave_back_is_not_what_was_said() {
        let parts = [
            json!({"type": "text", "text": "One\0"}),
            json!({"type": "dynamic-tool", "output": {"text": "secret"}}),
            json!({"type": "text", "text": "Two"}),
        ];
        assert_eq!(said(&parts), "One\nTwo");
        let long = [json!({"type": "text", "text": "x".repeat(MOST_SAID * 2)})];
        assert_eq!(said(&long).len(), MOST_SAID);
    }
}
