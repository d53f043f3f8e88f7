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
fn writing_removes_what_an_earlier_writing_wrote_and_nothing_else() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut files = Files::example();
    files.insert("pages/gone.en.md", "old");
    files.insert("pages/edited.en.md", "old");
    assert_eq!(files.write(dir.path())?, [] as [&str; 0]);
    for mine in ["pages/mine.en.md", "pages/edited.en.md", "pages/picture.png", "pages/.draft.md", "README.md"] {
        fs::write(dir.path().join(mine), "mine")?;
    }
    let mut files = Files::example();
    files.remove("staff.csv");
    for _ in 0..2 {
        let left = files.write(dir.path())?;
        assert_eq!(left, ["pages/edited.en.md", "pages/mine.en.md"], "what is in the way of the dataset is told");
        assert!(!dir.path().join("pages/gone.en.md").exists());
        assert!(!dir.path().join("staff.csv").exists());
        for kept in ["pages/mine.en.md", "pages/edited.en.md", "pages/picture.png", "pages/.draft.md", "README.md"] {
            assert_eq!(fs::read_to_string(dir.path().join(kept))?, "mine");
        }
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

/// Whoever writes the list of what an export wrote has nothing else removed by it.
#[test]
fn a_list_of_what_was_written_names_files_of_datasets_only() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let dataset = dir.path().join("dataset");
    Files::example().write(&dataset)?;
    let list = fs::read_to_string(dataset.join(".almanac-export"))?;
    let (print, _) = list.lines().next().and_then(|line| line.split_once("  ")).expect("a line");
    let first = Files::example().iter().next().map(|(_, bytes)| bytes.to_vec()).expect("a file");
    fs::write(dir.path().join("victim.csv"), &first)?;
    fs::write(dataset.join("victim.csv"), &first)?;
    fs::write(dataset.join(".almanac-export"), format!("{print}  ../victim.csv\n{print}  victim.csv\nno line\n\n"))?;
    Files::example().write(&dataset)?;
    assert!(dir.path().join("victim.csv").exists() && dataset.join("victim.csv").exists());
    Ok(())
}

#[cfg(unix)]
mod links {
    use std::{fs, io, os::unix::fs::symlink};

    use seed::Files;
    use tempfile::TempDir;

    /// A folder with a dataset in it, and a file and a folder beside it that nobody is to touch.
    fn folders() -> io::Result<TempDir> {
        let dir = tempfile::tempdir()?;
        Files::example().write(&dir.path().join("dataset"))?;
        fs::create_dir(dir.path().join("outside"))?;
        fs::write(dir.path().join("outside/mine.en.md"), "mine")?;
        fs::write(dir.path().join("secret"), "mine")?;
        Ok(dir)
    }

    fn assert_untouched(dir: &TempDir) -> io::Result<()> {
        assert_eq!(fs::read_dir(dir.path().join("outside"))?.count(), 1);
        assert_eq!(fs::read_to_string(dir.path().join("outside/mine.en.md"))?, "mine");
        assert_eq!(fs::read_to_string(dir.path().join("secret"))?, "mine");
        Ok(())
    }

    fn refusal<T>(outcome: io::Result<T>) -> (io::ErrorKind, String) {
        match outcome {
            Ok(_) => panic!("it was not refused"),
            Err(error) => (error.kind(), error.to_string()),
        }
    }

    #[test]
    fn no_link_is_followed_out_of_a_folder_that_is_read() -> io::Result<()> {
        for (place, to) in
            [("pages/about-us.en.md", "secret"), ("pages", "outside"), ("again", "dataset"), ("site.toml", "secret")]
        {
            let dir = folders()?;
            let link = dir.path().join("dataset").join(place);
            if link.is_dir() {
                fs::remove_dir_all(&link)?;
            } else if link.exists() {
                fs::remove_file(&link)?;
            }
            symlink(dir.path().join(to), &link)?;
            let (kind, message) = refusal(Files::read(&dir.path().join("dataset")));
            assert_eq!(kind, io::ErrorKind::InvalidInput);
            assert!(message.contains(&format!("dataset/{place}: is a symbolic link")), "{message}");
        }
        Ok(())
    }

    #[test]
    fn no_link_is_followed_out_of_a_folder_that_is_written_and_nothing_is_written_then() -> io::Result<()> {
        for (place, to) in [
            ("pages/about-us.en.md", "secret"),
            ("pages", "outside"),
            ("figures", "outside"),
            ("site.toml", "secret"),
            (".almanac-export", "secret"),
            ("", "outside"),
        ] {
            let dir = folders()?;
            let dataset = dir.path().join("dataset");
            let link = if place.is_empty() { dataset.clone() } else { dataset.join(place) };
            if link.is_dir() {
                fs::remove_dir_all(&link)?;
            } else if link.exists() {
                fs::remove_file(&link)?;
            }
            symlink(dir.path().join(to), &link)?;
            if !place.is_empty() {
                fs::write(dataset.join("staff.csv"), "as it was")?;
            }
            let (kind, message) = refusal(Files::example().write(&dataset));
            assert_eq!(kind, io::ErrorKind::InvalidInput, "{place}: {message}");
            assert!(message.contains("is a symbolic link, which is not followed"), "{message}");
            assert_untouched(&dir)?;
            if !place.is_empty() {
                assert_eq!(fs::read_to_string(dataset.join("staff.csv"))?, "as it was", "{place}");
            }
        }
        Ok(())
    }

    #[test]
    fn names_of_unfinished_files_that_are_links_are_passed_over() -> io::Result<()> {
        let dir = folders()?;
        let draft = format!("dataset/.site.toml.{}-0.draft", std::process::id());
        symlink(dir.path().join("secret"), dir.path().join(draft))?;
        Files::example().write(&dir.path().join("dataset"))?;
        assert_untouched(&dir)?;
        assert_eq!(Files::read(&dir.path().join("dataset"))?, Files::example());
        Ok(())
    }

    #[test]
    fn a_pipe_is_refused_instead_of_read_for_ever() -> io::Result<()> {
        let dir = folders()?;
        let made = std::process::Command::new("mkfifo").arg(dir.path().join("dataset/pages/pipe.en.md")).status()?;
        assert!(made.success());
        let (kind, message) = refusal(Files::read(&dir.path().join("dataset")));
        assert_eq!(kind, io::ErrorKind::InvalidInput);
        assert!(message.contains("pipe.en.md"), "{message}");
        Ok(())
    }

    #[test]
    fn a_folder_that_is_made_for_an_export_is_for_its_owner_alone() -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let dir = folders()?;
        assert_eq!(fs::metadata(dir.path().join("dataset"))?.permissions().mode() & 0o777, 0o700);
        Ok(())
    }
}

#[test]
fn a_folder_with_more_than_a_dataset_can_have_is_not_read_to_its_end() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    // Files that take no room on the disk.
    for number in 0..5 {
        fs::File::create(dir.path().join(format!("large-{number}.csv")))?.set_len(Files::MAX_FILE_BYTES as u64)?;
    }
    let refused = Files::read(dir.path()).expect_err("320 MiB");
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    assert!(refused.to_string().contains("above 256 MiB"), "{refused}");

    let deep = dir.path().join("a/b/c/d/e");
    fs::create_dir_all(&deep)?;
    for number in 0..5 {
        fs::remove_file(dir.path().join(format!("large-{number}.csv")))?;
    }
    assert_eq!(Files::read(dir.path()).map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
    Ok(())
}
