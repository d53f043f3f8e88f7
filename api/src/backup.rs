//! A copy of the database file, made beside a running server. What PostgreSQL needs for that comes with PostgreSQL.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::database::Database;

/// Writes all that is committed into a new file: readable by its owner only, since password hashes and signing keys are in
/// it, and durable when this returns. A backup that fails leaves nothing behind.
///
/// # Errors
/// When there is something at `file` already, when it cannot be written, or when the database is no file.
pub async fn write(database: &Database, file: &Path) -> anyhow::Result<()> {
    if !database.is_file() {
        bail!("almanac backup is for SQLite; back PostgreSQL up with pg_dump");
    }
    if fs::symlink_metadata(file).is_ok() {
        bail!("{} exists already", file.display());
    }
    let begun = Unfinished::create(file)?;
    database.copy_into(&begun.0).await.with_context(|| format!("{} cannot be written", file.display()))?;
    begun.finish(file).with_context(|| format!("{} cannot be written", file.display()))
}

/// The copy as long as it is not whole; removed when dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    fn create(file: &Path) -> anyhow::Result<Self> {
        let Some(name) = file.file_name() else { bail!("{} is no name for a file", file.display()) };
        let mut temporary = name.to_owned();
        temporary.push(".unfinished");
        let path = file.with_file_name(temporary);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    fn finish(self, file: &Path) -> std::io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        // Unlike a renaming, a link never replaces what somebody has put there meanwhile.
        fs::hard_link(&self.0, file)?;
        fs::remove_file(&self.0)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The name is durable when its folder is.
        File::open(folder)?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it was finished.
        let _ = fs::remove_file(&self.0);
    }
}
