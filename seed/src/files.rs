//! The files of a dataset, in memory; `files/folder.rs` reads and writes them on disk.

mod folder;

use std::{borrow::Cow, collections::BTreeMap, ffi::OsStr};

use entities::Rule;
use rust_embed::RustEmbed;

use crate::{
    fault::{Report, Spot},
    page,
};

pub(crate) const SITE: &str = "site.toml";
pub(crate) const PAGES: &str = "pages.csv";
pub(crate) const STAFF: &str = "staff.csv";
pub(crate) const COUNTRIES: &str = "countries.csv";
pub(crate) const CATEGORIES: &str = "categories.csv";
pub(crate) const VISIT_COUNTS: &str = "figures/visit_counts.csv";
pub(crate) const YEARLY_TOTALS: &str = "figures/yearly_totals.csv";

pub(crate) const FACT_SHEET: &str = "figures/fact-sheet.toml";
pub(crate) const WITHHELD: &str = "figures/withheld.csv";

/// Every file that a dataset must have.
const REQUIRED: [&str; 7] = [SITE, PAGES, STAFF, COUNTRIES, CATEGORIES, VISIT_COUNTS, YEARLY_TOTALS];

/// Every file that a dataset may have, page texts aside.
const OPTIONAL: [&str; 2] = [FACT_SHEET, WITHHELD];

/// The folder of page texts, as a prefix of their paths.
pub(crate) const PAGE_TEXTS: &str = "pages/";

#[derive(RustEmbed)]
#[folder = "data/"]
struct Example;

/// The bytes of a dataset's files by their path in its folder, with forward slashes; ordered by path. Whether they
/// make a dataset is for [`Dataset::parse`](crate::Dataset::parse) to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// The largest file that is read, in bytes: 64 MiB.
    pub const MAX_FILE_BYTES: usize = 64 << 20;
    /// The most that all files of a folder have together, in bytes: 256 MiB.
    pub const MAX_TOTAL_BYTES: usize = 256 << 20;
    /// The most files of a folder.
    pub const MAX_FILES: usize = 100_000;

    /// The dataset that comes with Almanac: its first tenant, in Japanese and English.
    #[must_use]
    pub fn example() -> Self {
        let visible = |path: &Cow<'static, str>| !path.split('/').any(|name| name.starts_with('.'));
        let file =
            |path: Cow<'static, str>| Example::get(&path).map(|file| (path.into_owned(), file.data.into_owned()));
        Example::iter().filter(visible).filter_map(file).collect()
    }

    /// The bytes of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Adds a file, in the place of another with the same path.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), bytes.into());
    }

    /// Takes a file away and gives its bytes.
    pub fn remove(&mut self, path: &str) -> Option<Vec<u8>> {
        self.0.remove(path)
    }

    /// The files, ordered by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Reports the files that have no place in a dataset.
    pub(crate) fn report_unknown(&self, report: &mut Report) {
        for path in self.0.keys().filter(|path| !is_ours(path)) {
            report.add(Spot::start(path), Rule::UnknownFile);
        }
    }
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

/// Whether a dataset has a file of this name. Such a path also stays within the dataset's folder.
fn is_ours(path: &str) -> bool {
    REQUIRED.contains(&path) || OPTIONAL.contains(&path) || page::text_key(path).is_some()
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
