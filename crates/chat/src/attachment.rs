//! Files in a person's message: what may be attached, how it is kept, and what the model is told.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest name of a file, in characters.
const LONGEST_NAME: usize = 120;

/// What a model can take besides text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachmentKind {
    /// Files of UTF-8 text, which are told as text: every model can.
    Text,
    /// PNG, JPEG, GIF and WebP.
    Image,
}

/// Why a file cannot be attached; one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// Its content does not parse.
    #[error("The file “{0}” did not arrive whole. Attach it again.")]
    Broken(String),
    /// It is neither text nor a picture.
    #[error("“{0}” is neither a text file nor a picture (PNG, JPEG, GIF, WebP).")]
    Unknown(String),
}

/// A file of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    name: String,
    kind: AttachmentKind,
    media_type: String,
    content: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.media_type, self.size())
    }
}

impl Attachment {
    /// A file by its name and its content in base64. What it is, its content decides; the type that
    /// the browser guessed is only believed of text.
    pub fn read(name: &str, media_type: &str, base64: &str) -> Result<Self, AttachmentError> {
        let name = plain_name(name);
        let Ok(content) = STANDARD.decode(base64) else {
            return Err(AttachmentError::Broken(name));
        };
        if let Some(media_type) = picture_type(&content) {
            return Ok(Self {
                name,
                kind: AttachmentKind::Image,
                media_type: media_type.to_owned(),
                content,
            });
        }
        if std::str::from_utf8(&content).is_err() || content.contains(&0) {
            return Err(AttachmentError::Unknown(name));
        }
        let named = media_type.len() < 80
            && media_type.starts_with("text/")
            && media_type
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/+-.".contains(c));
        let media_type = if named { media_type } else { "text/plain" };
        Ok(Self {
            name,
            kind: AttachmentKind::Text,
            media_type: media_type.to_owned(),
            content,
        })
    }

    /// Text or picture.
    pub fn kind(&self) -> AttachmentKind {
        self.kind
    }

    /// Its name, fit to be shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.content.len()
    }

    /// The part of a message that it is kept as: a file as the AI SDK's UI messages have it.
    pub fn part(&self) -> Value {
        let content = STANDARD.encode(&self.content);
        json!({
            "type": "file",
            "mediaType": self.media_type,
            "filename": self.name,
            "url": format!("data:{};base64,{content}", self.media_type),
        })
    }
}

/// A file of a stored message, for the model.
pub(crate) enum Told {
    /// A text file, as text.
    Text(String),
    /// A picture's data URL.
    Picture(String),
}

/// What the model is told of a file part; nothing of any other part.
pub(crate) fn told(part: &Value) -> Option<Told> {
    if part["type"] != "file" {
        return None;
    }
    let url = part["url"].as_str()?;
    let (media_type, base64) = url.strip_prefix("data:")?.split_once(";base64,")?;
    if media_type.starts_with("image/") {
        return Some(Told::Picture(url.to_owned()));
    }
    let text = String::from_utf8(STANDARD.decode(base64).ok()?).ok()?;
    let name = part["filename"].as_str().unwrap_or("file");
    Some(Told::Text(format!(
        "<file name=\"{name}\">\n{text}\n</file>"
    )))
}

/// How many bytes the files of stored parts take, as they are stored.
pub fn stored_bytes(parts: &[Value]) -> usize {
    let files = parts.iter().filter(|part| part["type"] == "file");
    files
        .map(|part| part["url"].as_str().map_or(0, str::len))
        .sum()
}

/// A picture's type by its first bytes: PNG, JPEG, GIF or WebP.
pub fn picture_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

/// A file's name without folders and without what could make it look like another.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let disguise = |letter: char| {
        letter.is_control()
            || matches!(
                letter,
                '"' | '<' | '>' | '\u{200e}' | '\u{200f}' | '\u{061c}'
            )
            || ('\u{202a}'..='\u{202e}').contains(&letter)
            || ('\u{2066}'..='\u{2069}').contains(&letter)
    };
    let plain: String = last.chars().filter(|letter| !disguise(*letter)).collect();
    match plain.trim() {
        "" => "file".to_owned(),
        plain => plain.chars().take(LONGEST_NAME).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, media_type: &str, content: &[u8]) -> Result<Attachment, AttachmentError> {
        Attachment::read(name, media_type, &STANDARD.encode(content))
    }

    #[test]
    fn the_content_decides_what_a_file_is() {
        for (content, expected) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"# Notes", "text/markdown"),
        ] {
            let own = read("a", "text/markdown", content).unwrap();
            assert_eq!(own.media_type, expected);
        }
        // A page or a drawing is text here, and stays text when it is shown.
        let page = read("a.html", "image/svg+xml", b"<svg onload=x>").unwrap();
        assert_eq!(page.kind(), AttachmentKind::Text);
        assert_eq!(page.part()["mediaType"], "text/plain");
        for (content, error) in [
            (
                &b"%PDF-1.7\xe2"[..],
                "“a.pdf” is neither a text file nor a picture (PNG, JPEG, GIF, WebP).",
            ),
            (
                b"a\0b",
                "“a.pdf” is neither a text file nor a picture (PNG, JPEG, GIF, WebP).",
            ),
        ] {
            let refused = read("a.pdf", "image/png", content).unwrap_err();
            assert_eq!(refused.to_string(), error);
        }
        let cut = Attachment::read("a.png", "image/png", "iVBOR!").unwrap_err();
        assert_eq!(
            cut.to_string(),
            "The file “a.png” did not arrive whole. Attach it again."
        );
    }

    #[test]
    fn a_name_cannot_look_like_another() {
        for (name, plain) in [
            ("notes.txt", "notes.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\"><b>\n.txt", "ab.txt"),
            ("\u{7}", "file"),
        ] {
            assert_eq!(read(name, "", b"x").unwrap().name(), plain);
        }
    }
}
