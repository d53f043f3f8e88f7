//! A dataset's folder on disk.
//!
//! Every step goes from an open folder to a name in it and follows no symbolic link, so that nothing outside the folder is
//! read, written or removed, even if somebody swaps a file meanwhile. What an export wrote it remembers in a hidden file, and
//! removes nothing else. What is read is bounded.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions},
};
use entities::Rule;
use xxhash_rust::xxh3::xxh3_128;

use super::{Files, PAGE_TEXTS, SITE, is_hidden, is_ours};

/// Where an export notes which files it wrote, and what it wrote into them.
const MANIFEST: &str = ".almanac-export";
/// A dataset has folders in its folder, and none in those.
const MAX_DEPTH: usize = 4;
/// How many names for an unfinished file are tried.
const DRAFTS: usize = 100;

impl Files {
    /// Reads every file of a folder and its subfolders, except those whose name begins with a dot. Of a file that is
    /// too large, only so much is read that it can be told.
    ///
    /// # Errors
    /// What the file system says, with the path it says it of; [`io::ErrorKind::InvalidInput`] for anything but
    /// regular files and folders, symbolic links among them; [`io::ErrorKind::FileTooLarge`] for more than
    /// [`Files::MAX_FILES`] files or [`Files::MAX_TOTAL_BYTES`] bytes.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(dir, ambient_authority()).map_err(|error| at(dir, error))?;
        let mut reading = Reading { files: Self::default(), bytes: 0 };
        reading.folder(&root, dir, "", 0)?;
        Ok(reading.files)
    }

    /// Writes the files into a folder, which is created if need be, for its owner alone: what was counted is in them. Files
    /// that an earlier export wrote there, that are as it wrote them and that are not among these, are removed; nothing else
    /// in it is touched. Each file is written under another name and then renamed, so that no reader finds half of one.
    /// Returns the files of a dataset that are left there though they are not among these, since no export wrote them so.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if one of the paths is no file of a dataset, or where there is a symbolic link or
    /// anything else but a file or folder in the way, and [`io::ErrorKind::DirectoryNotEmpty`] if the folder holds something
    /// (names with a leading dot aside) but no `site.toml`, all before anything is written; else what the file system says,
    /// with the path it says it of.
    pub fn write(&self, dir: &Path) -> io::Result<Vec<String>> {
        if let Some(path) = self.0.keys().find(|path| !is_ours(path)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path}: {}", Rule::UnknownFile)));
        }
        let root = create(dir)?;
        if !is_file(&root, SITE, dir)? && names(&root, dir)?.iter().any(|name| !is_hidden(OsStr::new(name))) {
            let message = format!("the folder is not empty and has no {SITE}, so it is no dataset to be replaced");
            return Err(at(dir, io::Error::new(io::ErrorKind::DirectoryNotEmpty, message)));
        }
        let target = Target::open(&root, dir, self)?;
        // Whatever is in the way is found before anything is written.
        for path in self.0.keys() {
            target.is_file(path)?;
        }
        let known = target.manifest()?;
        let now: BTreeSet<(String, String)> =
            self.0.iter().map(|(path, bytes)| (path.clone(), fingerprint(bytes))).collect();
        // Both, so that a run that breaks off forgets nothing of what was written.
        target.note(known.union(&now))?;
        // The site comes first: with it, a folder that was left half written can be written again.
        let site = self.0.get_key_value(SITE);
        for (path, bytes) in site.into_iter().chain(self.0.iter().filter(|(path, _)| *path != SITE)) {
            target.replace(path, bytes)?;
        }
        let mut left = Vec::new();
        for path in target.present()?.difference(&self.0.keys().cloned().collect()) {
            let bytes = target.read(path)?;
            if known.contains(&(path.clone(), fingerprint(&bytes))) {
                target.remove(path)?;
            } else {
                left.push(path.clone());
            }
        }
        target.note(now.iter())?;
        Ok(left)
    }
}

/// A folder that is being read.
struct Reading {
    files: Files,
    bytes: usize,
}

impl Reading {
    fn folder(&mut self, dir: &Dir, place: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        for entry in dir.entries().map_err(|error| at(place, error))? {
            let entry = entry.map_err(|error| at(place, error))?;
            let name = entry.file_name();
            if is_hidden(&name) {
                continue;
            }
            let path = place.join(&name);
            // A name that is not Unicode is none of ours, so it is enough to be able to show it.
            let relative = format!("{prefix}{}", name.to_string_lossy());
            let kind = dir.symlink_metadata(&name).map_err(|error| at(&path, error))?;
            if kind.is_dir() && depth < MAX_DEPTH {
                let folder = dir.open_dir_nofollow(&name).map_err(|error| at(&path, error))?;
                self.folder(&folder, &path, &format!("{relative}/"), depth + 1)?;
            } else if kind.is_file() {
                let file = open(dir, &name, &path)?;
                self.file(file, relative, &path)?;
            } else {
                return Err(in_the_way(&path, kind.is_symlink()));
            }
        }
        Ok(())
    }

    fn file(&mut self, file: File, relative: String, path: &Path) -> io::Result<()> {
        let too_much = |what: String| Err(at(path, io::Error::new(io::ErrorKind::FileTooLarge, what)));
        if self.files.0.len() == Files::MAX_FILES {
            return too_much(format!("is one file more than {}, the most of a dataset", Files::MAX_FILES));
        }
        let room = Files::MAX_TOTAL_BYTES - self.bytes;
        let mut bytes = Vec::new();
        let most = room.min(Files::MAX_FILE_BYTES) as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map_err(|error| at(path, error))?;
        if bytes.len() > room {
            let mib = Files::MAX_TOTAL_BYTES >> 20;
            return too_much(format!("brings the folder above {mib} MiB, the most of a dataset"));
        }
        self.bytes += bytes.len();
        self.files.insert(relative, bytes);
        Ok(())
    }
}

/// A dataset's folder that is being written, with its subfolders.
struct Target<'a> {
    root: &'a Dir,
    place: &'a Path,
    folders: BTreeMap<String, Dir>,
}

impl<'a> Target<'a> {
    /// Opens the folders that these files are to be in, and creates those that are not there.
    fn open(root: &'a Dir, place: &'a Path, files: &Files) -> io::Result<Self> {
        let mut names: BTreeSet<&str> = files.0.keys().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        // Texts of an earlier export may be there though there are none now.
        let texts = PAGE_TEXTS.trim_end_matches('/');
        if root.symlink_metadata(texts).is_ok() {
            names.insert(texts);
        }
        let mut folders = BTreeMap::new();
        for name in names {
            let path = place.join(name);
            match root.symlink_metadata(name) {
                Ok(kind) if kind.is_dir() => {}
                Ok(kind) => return Err(in_the_way(&path, kind.is_symlink())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    root.create_dir(name).map_err(|error| at(&path, error))?;
                }
                Err(error) => return Err(at(&path, error)),
            }
            let folder = root.open_dir_nofollow(name).map_err(|error| at(&path, error))?;
            folders.insert(name.to_owned(), folder);
        }
        Ok(Self { root, place, folders })
    }

    /// The folder in which a file is, and its name there.
    fn locate<'p>(&self, path: &'p str) -> (&Dir, &'p str) {
        let within = path.split_once('/').and_then(|(folder, name)| Some((self.folders.get(folder)?, name)));
        within.unwrap_or((self.root, path))
    }

    /// Whether there is a file at a path of a dataset.
    fn is_file(&self, path: &str) -> io::Result<bool> {
        let (folder, name) = self.locate(path);
        is_file(folder, name, self.place.join(path).parent().unwrap_or(self.place))
    }

    /// The files of a dataset that are there.
    fn present(&self) -> io::Result<BTreeSet<String>> {
        let mut present = BTreeSet::new();
        let folders = self.folders.iter().map(|(name, folder)| (format!("{name}/"), folder));
        for (prefix, folder) in folders.chain([(String::new(), self.root)]) {
            let place = self.place.join(&prefix);
            for name in names(folder, &place)? {
                let path = format!("{prefix}{name}");
                if is_ours(&path) && folder.symlink_metadata(&name).is_ok_and(|kind| kind.is_file()) {
                    present.insert(path);
                }
            }
        }
        Ok(present)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let ((folder, name), place) = (self.locate(path), self.place.join(path));
        let mut bytes = Vec::new();
        let file = open(folder, OsStr::new(name), &place)?;
        file.take(Files::MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| at(&place, error))?;
        Ok(bytes)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.locate(path);
        folder.remove_file(name).map_err(|error| at(&self.place.join(path), error))
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, name) = self.locate(path);
        replace(folder, name, bytes).map_err(|error| at(&self.place.join(path), error))
    }

    /// What earlier exports wrote: paths and fingerprints.
    fn manifest(&self) -> io::Result<BTreeSet<(String, String)>> {
        if !is_file(self.root, MANIFEST, self.place)? {
            return Ok(BTreeSet::new());
        }
        let text = String::from_utf8_lossy(&self.read(MANIFEST)?).into_owned();
        let line = |line: &str| line.split_once("  ").map(|(print, path)| (path.to_owned(), print.to_owned()));
        Ok(text.lines().filter_map(line).filter(|(path, _)| is_ours(path)).collect())
    }

    fn note<'b>(&self, written: impl Iterator<Item = &'b (String, String)>) -> io::Result<()> {
        let lines: String = written.map(|(path, print)| format!("{print}  {path}\n")).collect();
        self.replace(MANIFEST, lines.as_bytes())
    }
}

/// What a file holds, in short. Nobody gains by forging it: whoever can write here can remove files themselves.
fn fingerprint(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Opens the folder of an export and creates it, for its owner alone, where there is none.
fn create(dir: &Path) -> io::Result<Dir> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    // Where the last step would be a link, it is refused below; to create something behind it is refused here.
    if std::fs::symlink_metadata(dir).is_ok_and(|kind| kind.is_symlink()) {
        return Err(in_the_way(dir, true));
    }
    builder.create(dir).map_err(|error| at(dir, error))?;
    let Some(name) = dir.file_name() else {
        return Dir::open_ambient_dir(dir, ambient_authority()).map_err(|error| at(dir, error));
    };
    let parent =
        dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    let parent = Dir::open_ambient_dir(&parent, ambient_authority()).map_err(|error| at(&parent, error))?;
    parent.open_dir_nofollow(name).map_err(|error| at(dir, error))
}

/// Opens a regular file, and neither what a link leads to nor a pipe that never ends.
fn open(dir: &Dir, name: &OsStr, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options).map_err(|error| at(path, error))?;
    let kind = file.metadata().map_err(|error| at(path, error))?;
    if kind.is_file() { Ok(file) } else { Err(in_the_way(path, false)) }
}

/// Whether there is a file of this name; anything else there is an error.
fn is_file(dir: &Dir, name: &str, place: &Path) -> io::Result<bool> {
    let path = place.join(name);
    match dir.symlink_metadata(name) {
        Ok(kind) if kind.is_file() => Ok(true),
        Ok(kind) => Err(in_the_way(&path, kind.is_symlink())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(&path, error)),
    }
}

fn names(dir: &Dir, place: &Path) -> io::Result<Vec<String>> {
    dir.entries()
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect())
        .map_err(|error| at(place, error))
}

fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (mut file, draft) = begin(dir, name)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| dir.rename(&draft, dir, name));
    if written.is_err() {
        // Best effort: the error that matters is the one that broke the writing.
        let _ = dir.remove_file(&draft);
    }
    written
}

/// A new file under a name that the dot keeps out of the next reading, should this run break off.
fn begin(dir: &Dir, name: &str) -> io::Result<(File, String)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    let name = name.trim_start_matches('.');
    let mut refused = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..DRAFTS {
        let draft = format!(".{name}.{}-{number}.draft", std::process::id());
        match dir.open_with(&draft, &options) {
            Ok(file) => return Ok((file, draft)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

/// Something that is neither a file nor a folder of a dataset.
fn in_the_way(path: &Path, is_link: bool) -> io::Error {
    let message = if is_link {
        "is a symbolic link, which is not followed"
    } else {
        "is neither a file nor a folder of a dataset"
    };
    at(path, io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// The error with the path it is about, which the standard library leaves out.
fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
