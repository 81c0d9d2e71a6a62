//! What is looked at in folders: one rule for training, statistics and prediction.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    DataError, cache,
    decode::{self, FileKind},
    names::{listed, text_of},
};
use crate::regular;

/// Folders and files that systems and tools leave beside people's images.
const OF_SYSTEMS: [&str; 9] = [
    "__macosx",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__pycache__",
    "thumbs.db",
    "desktop.ini",
];

/// Entries that are named in one sentence.
const NAMED: usize = 20;

/// Counts files without an ending that are images by their content; no ending has a `/`.
const IMAGE_WITHOUT_ENDING: &str = "/";
/// Bytes that tell the format of an image.
const START: u64 = 64;

/// Endings of files that often lie beside images and are none.
const BESIDE_IMAGES: [&str; 12] =
    ["txt", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "toml", "md", "html", "log"];

/// The images below a folder, and what else is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Images, in the order of their paths.
    pub images: Vec<PathBuf>,
    /// Files that are not read, by ending in lower case; a file without one counts under "".
    pub left_out: BTreeMap<String, usize>,
    /// What is neither file nor folder, and what it is: it is not opened.
    pub special: Vec<(PathBuf, &'static str)>,
}

impl Found {
    /// Takes over what was left out elsewhere.
    pub fn leave_out(&mut self, others: &BTreeMap<String, usize>) {
        add(&mut self.left_out, others);
    }
}

/// Adds the counts of `others` to `counts`.
pub fn add(counts: &mut BTreeMap<String, usize>, others: &BTreeMap<String, usize>) {
    others.iter().for_each(|(ending, count)| *counts.entry(ending.clone()).or_default() += count);
}

/// Whether a file or folder is passed over: hidden ones, and those of systems and tools.
pub fn is_hidden(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || OF_SYSTEMS.contains(&name.to_lowercase().as_str())
}

/// Whether a folder is that of a run or a cache, which a data folder may hold.
pub fn is_ours(dir: &Path) -> bool {
    let is_run = || dir.join("recipe.toml").is_file() && dir.join("split.json").is_file();
    is_run() || cache::is_cache(dir)
}

/// What is in `dir` and not hidden, in order.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut entries = read().map_err(|error| DataError::io("read", dir, error))?;
    entries.retain(|path| !is_hidden(path));
    entries.sort();
    Ok(entries)
}

/// The images in `dir` and below, without those of runs and caches; links to folders are not followed.
///
/// # Errors
/// [`DataError::Io`] if a folder cannot be read.
pub fn images_below(dir: &Path) -> Result<Found, DataError> {
    let (found, errors) = readable_below(dir);
    errors.into_iter().next().map_or(Ok(found), Err)
}

/// [`images_below`] where a folder that cannot be read hides nothing but itself; with what is wrong with
/// each such folder.
pub fn readable_below(dir: &Path) -> (Found, Vec<DataError>) {
    let (mut found, mut errors) = (Found::default(), Vec::new());
    look_into(dir, &mut found, &mut errors);
    (found, errors)
}

fn look_into(dir: &Path, found: &mut Found, errors: &mut Vec<DataError>) {
    let entries = match entries(dir) {
        Ok(entries) => entries,
        Err(error) => return errors.push(error),
    };
    for entry in entries {
        if !sort_in(&entry, found) && !entry.is_symlink() && !is_ours(&entry) {
            look_into(&entry, found, errors);
        }
    }
}

/// Images that lie in `dir` itself.
///
/// # Errors
/// [`DataError::Io`] if it cannot be read.
pub fn images_directly_in(dir: &Path) -> Result<Found, DataError> {
    let mut found = Found::default();
    for entry in entries(dir)? {
        sort_in(&entry, &mut found);
    }
    Ok(found)
}

/// Puts an entry where it belongs, if it is no folder. A link to nothing is a file, which cannot be read.
fn sort_in(entry: &Path, found: &mut Found) -> bool {
    let kind = fs::metadata(entry).map(|entry| entry.file_type()).ok();
    if kind.is_some_and(|kind| kind.is_dir()) {
        return false;
    }
    match (kind.and_then(regular::other_than_file), decode::kind_of(entry)) {
        (Some(what), _) => found.special.push((entry.to_owned(), what)),
        (None, FileKind::Image) => found.images.push(entry.to_owned()),
        (None, FileKind::Unread | FileKind::Other) => {
            let ending = match ending(entry) {
                none if none.is_empty() && begins_as_image(entry) => {
                    IMAGE_WITHOUT_ENDING.to_owned()
                }
                ending => ending,
            };
            *found.left_out.entry(ending).or_default() += 1
        }
    }
    true
}

fn begins_as_image(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = regular::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.is_ok() && image::guess_format(&start).is_ok()
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// What was left out and may have been meant as an image, for people; `None` if there is nothing.
pub fn said_of(left_out: &BTreeMap<String, usize>) -> Option<String> {
    let meant = |ending: &&String| !BESIDE_IMAGES.contains(&ending.as_str());
    let said: Vec<String> = left_out
        .iter()
        .filter(|(ending, _)| meant(ending))
        .map(|(ending, count)| match ending.as_str() {
            IMAGE_WITHOUT_ENDING => {
                let images = if *count == 1 { "image" } else { "images" };
                format!("{count} {images} without an ending (give them one, such as .jpg)")
            }
            "" => format!("{count} without an ending"),
            ending => format!("{count} .{ending}"),
        })
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Entries that are neither file nor folder, for people; `None` if there is none.
pub fn special_said<'a>(
    special: impl IntoIterator<Item = &'a (PathBuf, &'static str)>,
) -> Option<String> {
    let said = |(path, what): &(PathBuf, &str)| format!("{} ({what})", text_of(path));
    let all: Vec<String> = special.into_iter().map(said).collect();
    (!all.is_empty()).then(|| format!("left out, for they are no files: {}", listed(&all, NAMED)))
}

/// The last part of a path, as [`text_of`] has it.
pub fn name_of(path: &Path) -> String {
    text_of(path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_things_runs_and_other_files_are_no_images() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "b.PNG",
            "a.jpg",
            ".c.png",
            "deep/d.tif",
            "deep/.hidden/e.png",
            "__MACOSX/f.png",
            "deep/@eaDir/g.png",
            "Thumbs.db",
            "h.heic",
            "i.HEIC",
            "film.mp4",
            "notes.txt",
            "runs/one/recipe.toml",
            "runs/one/split.json",
            "runs/one/j.png",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = images_below(dir.path()).unwrap();
        let names: Vec<_> = found.images.iter().map(|p| name_of(p)).collect();
        assert_eq!(names, ["a.jpg", "b.PNG", "d.tif"]);
        assert_eq!(said_of(&found.left_out).unwrap(), "2 .heic, 1 .mp4");
        assert_eq!(images_directly_in(dir.path()).unwrap().images.len(), 2);
        assert_eq!(said_of(&BTreeMap::from([("csv".to_owned(), 3)])), None);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let error = images_below(&gone).unwrap_err().to_string();
        assert!(error.contains("cannot read") && error.contains("gone"), "{error}");
        let (found, errors) = readable_below(&gone);
        assert_eq!((found, errors.len()), (Found::default(), 1));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_named_and_not_opened() {
        use std::os::unix::{fs::symlink, net::UnixListener};
        let dir = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(dir.path().join("a.png")).unwrap();
        symlink("/dev/zero", dir.path().join("b.jpg")).unwrap();
        symlink("nowhere", dir.path().join("c.png")).unwrap();
        for found in [images_below(dir.path()), images_directly_in(dir.path())] {
            let found = found.unwrap();
            let said = special_said(&found.special).unwrap();
            assert!(
                said.contains("a.png (a socket), ") && said.contains("b.jpg (a device)"),
                "{said}"
            );
            assert_eq!(found.images, [dir.path().join("c.png")], "it is told when it is read");
        }
        let many = vec![(PathBuf::from("x"), "a pipe"); 30];
        assert!(special_said(&many).unwrap().ends_with("x (a pipe) and 10 more"));
        assert_eq!(special_said(&[]), None);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_folders_are_not_followed_and_those_to_images_are() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/1.png"), "").unwrap();
        std::os::unix::fs::symlink("..", dir.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("1.png", dir.path().join("a/2.png")).unwrap();
        assert_eq!(images_below(dir.path()).unwrap().images.len(), 2);
    }
}
