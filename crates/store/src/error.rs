//! What a database error means for custody.

use gatepass_connections::StoreError;

pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let code = error
        .as_database_error()
        .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    // SQLite's extended result codes carry the primary code in the low byte; PostgreSQL's are
    // five characters.
    match code.as_deref() {
        Some("53100") => return StoreError::Full,
        Some("25006") => return StoreError::ReadOnly,
        Some(code) if code.len() != 5 => match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(13) => return StoreError::Full,
            Ok(8) => return StoreError::ReadOnly,
            Ok(11 | 26) => return StoreError::Corrupt { detail },
            _ => {}
        },
        _ => {}
    }
    match error {
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => StoreError::Corrupt { detail },
        _ => StoreError::Unavailable { detail },
    }
}

/// A value that no row of ours has.
pub(crate) fn corrupt(detail: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        detail: detail.into(),
    }
}
