//! The files of a dataset, in memory and on disk.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    io::{Read, Write},
    path::Path,
};

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

/// Every file that a dataset must have.
const REQUIRED: [&str; 7] = [SITE, PAGES, STAFF, COUNTRIES, CATEGORIES, VISIT_COUNTS, YEARLY_TOTALS];

/// Every file that a dataset may have, page texts aside.
const OPTIONAL: [&str; 1] = [FACT_SHEET];

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

    /// Reads every file of a folder and its subfolders, except those whose name begins with a dot. Of a file that is
    /// too large, only so much is read that it can be told.
    ///
    /// # Errors
    /// What the file system says, with the path it says it of; [`io::ErrorKind::InvalidInput`] for anything but
    /// regular files, folders and links to files.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        files.read_folder(dir, "")?;
        Ok(files)
    }

    fn read_folder(&mut self, dir: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(dir).map_err(|error| at(dir, error))? {
            let entry = entry.map_err(|error| at(dir, error))?;
            let name = entry.file_name();
            if is_hidden(&name) {
                continue;
            }
            let path = entry.path();
            // A name that is not Unicode is none of ours, so it is enough to be able to show it.
            let relative = format!("{prefix}{}", name.to_string_lossy());
            let linked = entry.file_type().map_err(|error| at(&path, error))?.is_symlink();
            let kind = fs::metadata(&path).map_err(|error| at(&path, error))?;
            if kind.is_file() {
                let file = fs::File::open(&path).map_err(|error| at(&path, error))?;
                let mut bytes = Vec::new();
                file.take(Self::MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| at(&path, error))?;
                self.insert(relative, bytes);
            } else if kind.is_dir() && !linked {
                self.read_folder(&path, &format!("{relative}/"))?;
            } else {
                // A link to a folder may lead round in a circle, and a pipe may never end.
                let message = "is neither a file nor a folder, nor a link to a file";
                return Err(at(&path, io::Error::new(io::ErrorKind::InvalidInput, message)));
            }
        }
        Ok(())
    }

    /// Writes the files into a folder and makes it hold this dataset and no other: the folder is created if need be,
    /// and page texts (`pages/*.md`) and other files of the format that are not among these are removed from it. Nothing
    /// else in it is touched. Each file is written under another name and then renamed, so that no reader finds half of one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if one of the paths is no file of a dataset, and
    /// [`io::ErrorKind::DirectoryNotEmpty`] if the folder holds something (names with a leading dot aside) but no
    /// `site.toml`, both before anything is written; else what the file system says, with the path it says it of.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        if let Some(path) = self.0.keys().find(|path| !is_ours(path)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path}: {}", Rule::UnknownFile)));
        }
        fs::create_dir_all(dir).map_err(|error| at(dir, error))?;
        if !dir.join(SITE).exists() && names(dir)?.iter().any(|name| !is_hidden(OsStr::new(name))) {
            let message = format!("the folder is not empty and has no {SITE}, so it is no dataset to be replaced");
            return Err(at(dir, io::Error::new(io::ErrorKind::DirectoryNotEmpty, message)));
        }
        // The site comes first: with it, a folder that was left half written can be written again.
        let site = self.0.get_key_value(SITE);
        for (path, bytes) in site.into_iter().chain(self.0.iter().filter(|(path, _)| *path != SITE)) {
            replace(dir, path, bytes)?;
        }
        let pages = dir.join(PAGE_TEXTS);
        let texts = if pages.is_dir() { names(&pages)? } else { Vec::new() };
        let texts = texts
            .iter()
            .filter(|name| Path::new(name).extension() == Some(OsStr::new("md")) && !is_hidden(OsStr::new(name)));
        let owned = texts
            .map(|name| format!("{PAGE_TEXTS}{name}"))
            .chain(REQUIRED.into_iter().chain(OPTIONAL).map(str::to_owned));
        for stale in owned.filter(|path| !self.0.contains_key(path)) {
            let path = dir.join(stale);
            if path.is_file() {
                fs::remove_file(&path).map_err(|error| at(&path, error))?;
            }
        }
        Ok(())
    }

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

fn names(dir: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect())
        .map_err(|error| at(dir, error))
}

fn replace(dir: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() { dir.to_owned() } else { dir.join(folder) };
    fs::create_dir_all(&folder).map_err(|error| at(&folder, error))?;
    // The dot keeps a leftover of a broken run out of the next reading.
    let draft = folder.join(format!(".{name}.{}.draft", std::process::id()));
    let written = fs::File::create(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, folder.join(name)));
    if written.is_err() {
        // Best effort: the error that matters is the one that broke the writing.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(|error| at(&folder.join(name), error))
}

/// The error with the path it is about, which the standard library leaves out.
fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
