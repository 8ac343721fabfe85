//! Doing work again only when what it reads has changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A digest of files, by name and content. It guards against stale builds, not against attackers.
pub(crate) fn digest(files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Every file under a folder in a stable order, except in folders of these names.
pub(crate) fn files_under(folder: &Path, without: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if !entry.file_type()?.is_dir() {
                files.push(entry.path());
            } else if !without.iter().any(|skipped| name == *skipped) {
                folders.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Whether the stamp holds this digest.
pub(crate) fn is_fresh(stamp: &Path, digest: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|held| held == digest)
}

/// Writes the stamp, after the work it vouches for.
pub(crate) fn write(stamp: &Path, digest: &str) -> Result<()> {
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("skipped")).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_stamp_is_fresh_until_a_watched_file_changes_appears_or_is_renamed() {
        let folder = Folder::new("stamp");
        let stamp = folder.0.join("skipped/stamp");
        let now = || digest(&files_under(&folder.0, &["skipped"]).unwrap()).unwrap();

        fs::write(folder.0.join("a.ts"), "one").unwrap();
        assert!(!is_fresh(&stamp, &now()), "no stamp yet");
        write(&stamp, &now()).unwrap();
        assert!(is_fresh(&stamp, &now()));

        fs::write(folder.0.join("skipped/b.ts"), "built").unwrap();
        assert!(is_fresh(&stamp, &now()), "skipped folders do not count");

        fs::write(folder.0.join("a.ts"), "two").unwrap();
        assert!(!is_fresh(&stamp, &now()), "changed");
        write(&stamp, &now()).unwrap();
        fs::rename(folder.0.join("a.ts"), folder.0.join("c.ts")).unwrap();
        assert!(!is_fresh(&stamp, &now()), "renamed");
        write(&stamp, &now()).unwrap();
        fs::write(folder.0.join("d.ts"), "").unwrap();
        assert!(!is_fresh(&stamp, &now()), "appeared");
    }
}
