//! One writer for a run's folder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use super::TrainError;
use crate::duration::rough_duration;

/// The file that is locked, in the run's folder.
pub(super) const NAME: &str = ".lock";

/// The right to write into a run's folder. The system takes it back when the process ends, whatever ends it.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes the right to write into `folder`.
    ///
    /// # Errors
    /// [`TrainError::Locked`], naming the process that has it; [`TrainError::Link`] or [`TrainError::Create`] if the
    /// file cannot be made.
    pub fn take(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join(NAME);
        let failed = |source| TrainError::Create { path: path.clone(), source };
        if path.is_symlink() {
            return Err(TrainError::Link(path));
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = fs::read_to_string(&path).unwrap_or_default();
                return Err(TrainError::Locked {
                    path: folder.to_owned(),
                    owner: owner_of(&owner),
                });
            }
            // A file system without locks cannot be asked; a run on it is better than none.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let mut before = String::new();
        // Who holds it is told to others; not being able to say so is no reason to stop.
        let _ = file.read_to_string(&mut before);
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = writeln!(file, "{} {seconds}", process::id());
        Ok(Self(file))
    }
}

/// The process that a lock file names, for people.
fn owner_of(text: &str) -> String {
    let mut words = text.split_whitespace();
    let (process, since) = (words.next(), words.next());
    let Some(process) = process.and_then(|process| process.parse::<u32>().ok()) else {
        return "another process".into();
    };
    let since = since.and_then(|since| since.parse::<u64>().ok()).map(|since| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(since, |d| d.as_secs());
        format!(", which began {} ago", rough_duration(now.saturating_sub(since) as f64))
    });
    format!("process {process}{}", since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let message = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", process::id())), "{message}");
        assert!(message.contains("began 0 s ago"), "{message}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn an_owner_that_nobody_wrote_down_is_another_process() {
        assert_eq!(owner_of(""), "another process");
        assert_eq!(owner_of("words\n"), "another process");
    }
}
