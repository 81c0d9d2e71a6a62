//! The images that were given: files, folders, and paths from standard input.

use std::{
    io::{self, BufRead, BufReader, Read},
    mem,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use longtail::{
    data::{DataError, names::text_of, walk},
    predictor::Given,
    report::Unanswered,
};

use crate::output::note;

/// Stands for paths from standard input.
const STANDARD_INPUT: &str = "-";
/// Bytes of a path from there; no system has such long ones.
const LONGEST_PATH: u64 = 1 << 20;

/// What ends a path on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// The end of its line.
    Newline,
    /// A NUL byte, as `find -print0` writes it.
    Nul,
}

/// All that was given, in its order and in batches of `size` or fewer, found by a thread of its own while
/// others are worked on.
pub fn batches(
    given: Vec<PathBuf>,
    separator: Separator,
    size: usize,
) -> io::Result<Receiver<Vec<Given>>> {
    let (sender, receiver) = sync_channel(1);
    let mut batches = Batches { waiting: Vec::new(), size, sender };
    thread::Builder::new().name("paths".into()).spawn(move || {
        // It ends early where nobody wants more.
        let _ = batches.send(&given, separator);
    })?;
    Ok(receiver)
}

struct Batches {
    waiting: Vec<Given>,
    size: usize,
    sender: SyncSender<Vec<Given>>,
}

/// Nobody wants more.
struct Done;

impl Batches {
    fn send(&mut self, given: &[PathBuf], separator: Separator) -> Result<(), Done> {
        for path in given {
            match path.as_os_str() == STANDARD_INPUT {
                true => self.lines(BufReader::new(io::stdin()), separator)?,
                false => self.path(path.clone())?,
            }
        }
        self.flush()
    }

    /// A file, or the images of a folder.
    fn path(&mut self, path: PathBuf) -> Result<(), Done> {
        if path.is_dir() { self.folder(&path) } else { self.push(Ok(path)) }
    }

    fn folder(&mut self, folder: &Path) -> Result<(), Done> {
        let (found, errors) = walk::readable_below(folder);
        let left_out = walk::said_of(&found.left_out);
        let folder = text_of(folder);
        if let Some(special) = walk::special_said(&found.special) {
            note(format_args!("{folder}: {special}"));
        }
        if found.images.is_empty() && errors.is_empty() {
            let reason = match left_out {
                None => "the folder holds no image".into(),
                Some(files) => format!(
                    "the folder holds no image of a format that is read ({files}): convert them to JPEG or PNG"
                ),
            };
            return self.push(Err(Unanswered { path: folder, reason }));
        }
        if let Some(files) = left_out {
            note(format_args!(
                "{folder}: left out, for they are not read: {files}; convert images to JPEG or PNG"
            ));
        }
        found.images.into_iter().try_for_each(|image| self.push(Ok(image)))?;
        errors.into_iter().try_for_each(|error| self.push(Err(unanswered(&folder, error))))
    }

    /// Paths as they come: those that are there are sent before more are waited for.
    fn lines(&mut self, mut input: BufReader<impl Read>, separator: Separator) -> Result<(), Done> {
        let end = match separator {
            Separator::Newline => b'\n',
            Separator::Nul => 0,
        };
        let mut is_first = true;
        loop {
            if !input.buffer().contains(&end) {
                self.flush()?;
            }
            let mut line = Vec::new();
            let wrong = |reason: String| Unanswered { path: STANDARD_INPUT.into(), reason };
            match input.by_ref().take(LONGEST_PATH).read_until(end, &mut line) {
                Ok(0) => return Ok(()),
                Ok(_) if line.len() as u64 == LONGEST_PATH && line.last() != Some(&end) => {
                    let reason = "a path of a MiB and more comes from there: are these paths?";
                    return self.push(Err(wrong(reason.into())));
                }
                Ok(_) => {}
                Err(error) => return self.push(Err(wrong(error.to_string()))),
            }
            let line = trimmed(&line, separator, mem::take(&mut is_first));
            if !line.is_empty() {
                self.path(path_of(line))?;
            }
        }
    }

    fn push(&mut self, given: Given) -> Result<(), Done> {
        self.waiting.push(given);
        if self.waiting.len() < self.size { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Done> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.sender.send(mem::take(&mut self.waiting)).map_err(|_| Done)
    }
}

/// A folder in `folder` that cannot be looked into.
fn unanswered(folder: &str, error: DataError) -> Unanswered {
    match error {
        DataError::Io { path, source, .. } => {
            Unanswered { path: text_of(path), reason: source.to_string() }
        }
        other => Unanswered { path: folder.to_owned(), reason: other.to_string() },
    }
}

/// Without the separator, and without what Windows puts around lines.
fn trimmed(line: &[u8], separator: Separator, is_first: bool) -> &[u8] {
    if separator == Separator::Nul {
        return line.strip_suffix(&[0]).unwrap_or(line);
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if is_first { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line }
}

#[cfg(unix)]
fn path_of(line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(line).into()
}

#[cfg(not(unix))]
fn path_of(line: &[u8]) -> PathBuf {
    String::from_utf8_lossy(line).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &[u8], separator: Separator, size: usize) -> Vec<Vec<String>> {
        let (sender, receiver) = sync_channel(100);
        let mut batches = Batches { waiting: Vec::new(), size, sender };
        assert!(batches.lines(BufReader::new(text), separator).is_ok() && batches.flush().is_ok());
        drop(batches);
        let name = |given: Given| given.unwrap().display().to_string();
        receiver.iter().map(|batch| batch.into_iter().map(name).collect()).collect()
    }

    #[test]
    fn every_line_is_a_path_whatever_wrote_it() {
        let text = "\u{feff}a.png\r\n\n b c.png\nlast".as_bytes();
        assert_eq!(sent(text, Separator::Newline, 9), [vec!["a.png", " b c.png"], vec!["last"]]);
        assert_eq!(sent(b"a\nb\0\0c", Separator::Nul, 9), [vec!["a\nb"], vec!["c"]]);
        assert_eq!(sent(b"a\nb\nc\n", Separator::Newline, 2), [vec!["a", "b"], vec!["c"]]);
        assert!(sent(b"", Separator::Newline, 2).is_empty());
    }

    #[test]
    fn what_never_ends_is_no_path() {
        let (sender, receiver) = sync_channel(100);
        let mut batches = Batches { waiting: Vec::new(), size: 1, sender };
        let endless = BufReader::new(io::repeat(b'a'));
        assert!(batches.lines(endless, Separator::Newline).is_ok());
        let given: Vec<Given> = receiver.try_iter().flatten().collect();
        let [Err(unanswered)] = &given[..] else { panic!("{given:?}") };
        assert!(unanswered.to_string().contains("are these paths"), "{unanswered}");
    }

    /// Gives one piece per read.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn what_is_there_is_sent_before_more_is_waited_for() {
        let (sender, receiver) = sync_channel(100);
        let mut batches = Batches { waiting: Vec::new(), size: 9, sender };
        let pieces = Pieces(vec![b"a\nb\nc", b"d\ne\n", b"f\n"]);
        assert!(batches.lines(BufReader::new(pieces), Separator::Newline).is_ok());
        let sizes: Vec<usize> = receiver.try_iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }
}
