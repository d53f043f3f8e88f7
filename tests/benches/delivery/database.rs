//! The databases that are measured on: made once, copied for each server, since servers write into them.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Instant,
};

use clap::ValueEnum;
use migration::MigratorTrait;
use tempfile::TempDir;

use crate::process::{self, PASSWORD};

/// Which content a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// The built-in example.
    Seeded,
    /// What `tests/src/big_dataset.rs` makes.
    Big,
    /// The big one, with the pages that hostile documents are made for.
    Costly,
}

impl Data {
    /// What is read, written and started.
    pub const DELIVERED: [Self; 2] = [Self::Seeded, Self::Big];

    /// What the table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seeded => "seeded",
            Self::Big => "big",
            Self::Costly => "costly",
        }
    }
}

/// The folder of the databases of one run.
pub struct Databases {
    folder: TempDir,
    templates: PathBuf,
    copies: u32,
}

impl Databases {
    /// Makes the folder, below Cargo's own for such things: on the disk that the code is on, not in memory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let templates = Path::new(env!("CARGO_TARGET_TMPDIR")).join("delivery");
        fs::create_dir_all(&templates)?;
        Ok(Self { folder: tempfile::tempdir_in(&templates)?, templates, copies: 0 })
    }

    /// A fresh copy.
    ///
    /// # Errors
    /// When the database cannot be made or copied.
    pub fn copy(&mut self, data: Data) -> anyhow::Result<PathBuf> {
        let template = self.template(data)?;
        self.copies += 1;
        let copy = self.folder.path().join(format!("{}-{}.db", data.name(), self.copies));
        fs::copy(template, &copy)?;
        Ok(copy)
    }

    /// The file to copy. Importing the big dataset takes long, so what was made is kept from run to run.
    fn template(&self, data: Data) -> anyhow::Result<PathBuf> {
        let file = match data {
            Data::Seeded => self.folder.path().join("seeded.db"),
            Data::Big | Data::Costly => self.templates.join(format!("{}-{:016x}.db", data.name(), version())),
        };
        if !file.exists() {
            let (started, password_file) = (Instant::now(), self.folder.path().join("password"));
            fs::write(&password_file, PASSWORD)?;
            // Under its own name only once it is whole.
            let unfinished = self.folder.path().join("unfinished.db");
            process::make_database(&unfinished, &password_file, data)?;
            fs::rename(unfinished, &file)?;
            eprintln!("{}: made in {:.1} s, {}", data.name(), started.elapsed().as_secs_f64(), file.display());
        }
        Ok(file)
    }
}

/// Changes when the big dataset does, or what is asked of it, or the tables that it is kept in.
fn version() -> u64 {
    let mut hasher = DefaultHasher::new();
    include_str!("../../src/big_dataset.rs").hash(&mut hasher);
    include_str!("../../src/attacks.rs").hash(&mut hasher);
    include_str!("reading.rs").hash(&mut hasher);
    for step in migration::Migrator::migrations() {
        step.name().hash(&mut hasher);
    }
    hasher.finish()
}
