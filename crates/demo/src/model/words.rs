//! Small readers of English: numbers, places, words after words.

/// Cities whose time people ask for, and their zones.
const CITIES: [(&str, &str); 24] = [
    ("amsterdam", "Europe/Amsterdam"),
    ("berlin", "Europe/Berlin"),
    ("cairo", "Africa/Cairo"),
    ("chicago", "America/Chicago"),
    ("delhi", "Asia/Kolkata"),
    ("dubai", "Asia/Dubai"),
    ("hong kong", "Asia/Hong_Kong"),
    ("istanbul", "Europe/Istanbul"),
    ("johannesburg", "Africa/Johannesburg"),
    ("lagos", "Africa/Lagos"),
    ("london", "Europe/London"),
    ("los angeles", "America/Los_Angeles"),
    ("madrid", "Europe/Madrid"),
    ("mexico city", "America/Mexico_City"),
    ("moscow", "Europe/Moscow"),
    ("new york", "America/New_York"),
    ("paris", "Europe/Paris"),
    ("rome", "Europe/Rome"),
    ("san francisco", "America/Los_Angeles"),
    ("singapore", "Asia/Singapore"),
    ("sydney", "Australia/Sydney"),
    ("tokyo", "Asia/Tokyo"),
    ("toronto", "America/Toronto"),
    ("vienna", "Europe/Vienna"),
];

/// The time zone a text names, by a city or as `Area/City`.
pub(super) fn time_zone(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    if let Some((_, zone)) = CITIES.iter().find(|(city, _)| lower.contains(city)) {
        return Some((*zone).to_owned());
    }
    text.split(|c: char| c.is_whitespace() || matches!(c, '?' | ',' | '!'))
        .map(|word| word.trim_end_matches('.'))
        .find(|word| {
            let areas = [
                "Africa/",
                "America/",
                "Asia/",
                "Atlantic/",
                "Australia/",
                "Europe/",
                "Pacific/",
            ];
            areas.iter().any(|area| word.starts_with(area))
        })
        .map(ToOwned::to_owned)
}

/// The numbers in a text, in order.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
        .filter_map(|word| word.trim_end_matches(['.', '-']).parse().ok())
        .collect()
}

/// Whether a word stands in the text on its own.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found.eq_ignore_ascii_case(word))
}

/// What follows the first of these phrases, without quotes and closing punctuation.
pub(super) fn after(text: &str, phrases: &[&str]) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let end = phrases
        .iter()
        .filter_map(|phrase| lower.find(phrase).map(|at| (at, at + phrase.len())))
        .min()?
        .1;
    let rest = text.get(end..)?;
    let quotes = ['"', '\'', '“', '”'];
    let closing = |c: char| c.is_whitespace() || quotes.contains(&c) || "?.!".contains(c);
    Some(
        rest.trim()
            .trim_start_matches(quotes)
            .trim_end_matches(closing)
            .to_owned(),
    )
}

/// The arithmetic in a text, with words such as "times" as signs.
pub(super) fn arithmetic(text: &str) -> Option<String> {
    let signs = text
        .to_lowercase()
        .replace("divided by", "/")
        .replace("multiplied by", "*")
        .replace("times", "*")
        .replace("plus", "+")
        .replace("minus", "-")
        .replace(" x ", " * ");
    let longest = signs
        .split(|c: char| !(c.is_ascii_digit() || c == ' ' || ".+-*/%^()×÷".contains(c)))
        .map(|run| run.trim().trim_end_matches('.').trim())
        .max_by_key(|run| run.len())?;
    let digits = longest
        .split(|c: char| !c.is_ascii_digit())
        .filter(|d| !d.is_empty());
    let operator = longest
        .trim_start_matches(['-', '+'])
        .contains(['+', '-', '*', '/', '%', '^', '×', '÷']);
    (digits.count() >= 2 && operator).then(|| longest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{after, arithmetic, numbers, time_zone};

    #[test]
    fn arithmetic_is_found_among_words() {
        for (text, found) in [
            ("what is 12*7?", Some("12*7")),
            ("What is (2 + 3) * 4.", Some("(2 + 3) * 4")),
            ("12 times 7 please", Some("12 * 7")),
            ("I have 3 apples", None),
            ("is it 2026-07?", Some("2026-07")),
            ("-5", None),
        ] {
            assert_eq!(arithmetic(text).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn places_numbers_and_rests() {
        assert_eq!(
            time_zone("time in New York?").as_deref(),
            Some("America/New_York")
        );
        assert_eq!(
            time_zone("time in Asia/Seoul.").as_deref(),
            Some("Asia/Seoul")
        );
        assert_eq!(time_zone("what time is it").as_deref(), None);
        assert_eq!(numbers("add -2 and 3.5."), [-2.0, 3.5]);
        assert_eq!(
            after("find notes about \"Milk\"?", &["about "]).as_deref(),
            Some("Milk")
        );
    }
}
