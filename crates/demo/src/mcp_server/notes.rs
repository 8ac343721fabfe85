//! Notes of each account, in memory and bounded.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

const MAX_NOTES: usize = 200;
const MAX_ACCOUNTS: usize = 1_000;
pub(crate) const MAX_CHARACTERS: usize = 2_000;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Notes {
    of: HashMap<String, VecDeque<Note>>,
    last: u64,
}

impl Notes {
    /// Keeps a note; the account's oldest one makes room.
    pub(crate) fn create(&mut self, account: &str, text: &str) -> Result<Note, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("A note needs some text.");
        }
        if text.chars().count() > MAX_CHARACTERS {
            return Err("A note can have at most 2000 characters.");
        }
        if !self.of.contains_key(account) && self.of.len() >= MAX_ACCOUNTS {
            return Err("There is no room for another account's notes.");
        }
        self.last += 1;
        let note = Note {
            number: self.last,
            text: text.to_owned(),
        };
        let notes = self.of.entry(account.to_owned()).or_default();
        if notes.len() >= MAX_NOTES {
            notes.pop_front();
        }
        notes.push_back(note.clone());
        Ok(note)
    }

    /// Removes a note; tells whether there was one.
    pub(crate) fn delete(&mut self, account: &str, number: u64) -> bool {
        let Some(notes) = self.of.get_mut(account) else {
            return false;
        };
        let before = notes.len();
        notes.retain(|note| note.number != number);
        notes.len() < before
    }

    /// The notes that contain every word, newest first; all of them without words.
    pub(crate) fn search(&self, account: &str, query: &str) -> Vec<Note> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        self.of
            .get(account)
            .into_iter()
            .flatten()
            .rev()
            .filter(|note| {
                let text = note.text.to_lowercase();
                words.iter().all(|word| text.contains(word))
            })
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NOTES, Notes};

    #[test]
    fn accounts_see_only_their_own_notes() {
        let mut notes = Notes::default();
        notes.create("ada", "Buy milk").unwrap();
        notes.create("grace", "Sell milk").unwrap();
        let found: Vec<_> = notes
            .search("ada", "MILK")
            .into_iter()
            .map(|n| n.text)
            .collect();
        assert_eq!(found, ["Buy milk"]);
    }

    #[test]
    fn old_notes_make_room_and_empty_ones_are_refused() {
        let mut notes = Notes::default();
        for number in 0..=MAX_NOTES {
            notes.create("ada", &format!("note {number}")).unwrap();
        }
        let kept = notes.search("ada", "");
        assert_eq!(kept.len(), MAX_NOTES);
        assert_eq!(kept.last().unwrap().text, "note 1");
        assert!(notes.create("ada", "  ").is_err());
        assert!(notes.create("ada", &"x".repeat(2_001)).is_err());
    }
}
