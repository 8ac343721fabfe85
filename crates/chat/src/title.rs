//! A conversation's title: the first words of its first message.

/// Longest title, in characters.
const LONGEST: usize = 60;

/// A title made of a message's first line.
pub fn title_of(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or("New conversation");
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let mut title = String::new();
    for word in line.split_whitespace() {
        if title.chars().count() + word.chars().count() >= LONGEST {
            break;
        }
        title.push_str(word);
        title.push(' ');
    }
    let title = title.trim_end();
    if title.is_empty() {
        let cut: String = line.chars().take(LONGEST - 1).collect();
        return format!("{cut}…");
    }
    format!("{title}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_at_a_word() {
        assert_eq!(title_of("\n  Hello there \nmore"), "Hello there");
        assert_eq!(title_of("  "), "New conversation");
        let long = title_of(&"word ".repeat(40));
        assert!(long.ends_with("word…") && long.chars().count() <= LONGEST);
        assert_eq!(title_of(&"x".repeat(100)).chars().count(), LONGEST);
    }
}
