//! Datasets on disk.

use std::{fs, io};

use seed::Files;

#[test]
fn what_is_written_is_read_again() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let dataset = dir.path().join("new/dataset");
    Files::example().write(&dataset)?;
    assert_eq!(Files::read(&dataset)?, Files::example());
    Files::example().write(&dataset)?;
    assert_eq!(Files::read(&dataset)?, Files::example());
    Ok(())
}

#[test]
fn writing_removes_stale_files_of_the_dataset_and_nothing_else() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    Files::example().write(dir.path())?;
    fs::write(dir.path().join("pages/gone.en.md"), "old")?;
    fs::write(dir.path().join("pages/picture.png"), "mine")?;
    fs::write(dir.path().join("pages/.draft.md"), "mine")?;
    fs::write(dir.path().join("README.md"), "mine")?;
    let mut files = Files::example();
    files.remove("staff.csv");
    files.write(dir.path())?;
    assert!(!dir.path().join("pages/gone.en.md").exists());
    assert!(!dir.path().join("staff.csv").exists());
    for kept in ["pages/picture.png", "pages/.draft.md", "README.md"] {
        assert_eq!(fs::read_to_string(dir.path().join(kept))?, "mine");
    }
    // Every temporary name has become a real one.
    assert_eq!(fs::read_dir(dir.path().join("figures"))?.count(), 3);
    Ok(())
}

#[test]
fn a_dataset_without_fact_sheet_removes_that_of_the_one_before() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut files = Files::example();
    files.write(dir.path())?;
    assert!(files.remove("figures/fact-sheet.toml").is_some());
    files.write(dir.path())?;
    assert_eq!(Files::read(dir.path())?, files);
    Ok(())
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join(".gitignore"), "a hidden file does not count")?;
    fs::write(dir.path().join("thesis.txt"), "mine")?;
    let refused = Files::example().write(dir.path()).map_err(|error| error.kind());
    assert_eq!(refused, Err(io::ErrorKind::DirectoryNotEmpty));
    assert_eq!(fs::read_dir(dir.path())?.count(), 2);
    fs::remove_file(dir.path().join("thesis.txt"))?;
    Files::example().write(dir.path())?;
    assert_eq!(Files::read(dir.path())?, Files::example());
    Ok(())
}

#[test]
fn a_path_outside_the_dataset_is_never_written() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    for path in ["../escape.csv", "pages/../../escape.en.md", "/escape.csv", "notes.txt", "pages/a.md"] {
        let mut files = Files::example();
        files.insert(path, "x");
        let refused = files.write(&dir.path().join("dataset")).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::InvalidInput), "{path}");
    }
    assert_eq!(fs::read_dir(dir.path())?.count(), 0);
    Ok(())
}

#[test]
fn hidden_names_are_not_read() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    Files::example().write(dir.path())?;
    fs::create_dir(dir.path().join(".git"))?;
    fs::write(dir.path().join(".git/config"), "")?;
    fs::write(dir.path().join("pages/.DS_Store"), "")?;
    assert_eq!(Files::read(dir.path())?, Files::example());
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_is_refused_instead_of_followed_in_circles() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    std::os::unix::fs::symlink(dir.path(), dir.path().join("again"))?;
    let refused = Files::read(dir.path()).map_err(|error| error.kind());
    assert_eq!(refused, Err(io::ErrorKind::InvalidInput));
    Ok(())
}
