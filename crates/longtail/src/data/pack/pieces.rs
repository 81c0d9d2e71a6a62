//! One stream of bytes in one file, or in pieces of a limited size.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use crate::regular;

/// `NAME.001`, `NAME.002` and so on.
fn piece(path: &Path, number: usize) -> PathBuf {
    with_end(path, &format!(".{number:03}"))
}

/// What is written before it gets the name of a piece.
fn part(path: &Path, number: usize) -> PathBuf {
    with_end(path, &format!(".part{number:03}"))
}

/// What a program that was ended while it wrote to `path` leaves.
pub(super) fn unfinished(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..).map(move |number| part(path, number)).take_while(|part| part.is_file())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// What writing to `path` would replace or remove though it is no part of a pack; `is_pack`: whether one
/// is read from there.
pub(super) fn foreign(path: &Path, is_pack: bool) -> Option<PathBuf> {
    // Pieces are a pack's if they are what is read, so if there is no whole file.
    let whole = path.exists();
    if whole && !is_pack {
        return Some(path.to_owned());
    }
    let first = piece(path, 1);
    (first.exists() && (whole || !is_pack)).then_some(first)
}

/// Reads the file at a path, or its pieces.
pub(super) struct PieceReader {
    /// Bytes of all.
    pub length: u64,
    files: std::vec::IntoIter<PathBuf>,
    current: BufReader<File>,
}

impl PieceReader {
    pub fn open(path: &Path) -> io::Result<Self> {
        let pieces = || (1..).map(|n| piece(path, n)).take_while(|piece| piece.is_file());
        let whole = path.is_file() || !piece(path, 1).is_file();
        let files: Vec<_> = if whole { vec![path.to_owned()] } else { pieces().collect() };
        let size = |file: &PathBuf| fs::metadata(file).map(|file| file.len());
        let length = files.iter().map(size).sum::<io::Result<u64>>()?;
        let mut files = files.into_iter();
        let first = files.next().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            length,
            files,
            current: BufReader::with_capacity(1 << 20, regular::open(&first)?),
        })
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(next) = self.files.next() else { return Ok(0) };
            self.current = BufReader::with_capacity(1 << 20, regular::open(&next)?);
        }
    }
}

/// Writes beside the files that it makes; they appear when it is finished.
pub(super) struct PieceWriter {
    path: PathBuf,
    most: u64,
    /// What was written, as long as it is not finished.
    parts: Vec<PathBuf>,
    file: BufWriter<File>,
    written: u64,
}

impl PieceWriter {
    pub fn create(path: &Path, most: Option<u64>) -> io::Result<Self> {
        let part = part(path, 1);
        let file = BufWriter::new(File::create(&part)?);
        let most = most.unwrap_or(u64::MAX).max(1);
        Ok(Self { path: path.to_owned(), most, parts: vec![part], file, written: 0 })
    }

    fn next(&mut self) -> io::Result<()> {
        self.close()?;
        self.parts.push(part(&self.path, self.parts.len() + 1));
        self.file = BufWriter::new(File::create(&self.parts[self.parts.len() - 1])?);
        self.written = 0;
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }

    /// Gives the files their names. Pieces of an earlier, longer pack are removed: they would be read on.
    ///
    /// Killed meanwhile, it leaves the old pack or the new one, or, where both are in pieces, none: the first piece
    /// goes first and comes last, so that pieces of two packs are never read as one.
    pub fn finish(mut self) -> io::Result<Vec<PathBuf>> {
        self.close()?;
        let parts = std::mem::take(&mut self.parts);
        let count = parts.len();
        let name = |number| match count {
            1 => self.path.clone(),
            _ => piece(&self.path, number),
        };
        let names: Vec<_> = (1..=count).map(name).collect();
        if count > 1 && piece(&self.path, 1).is_file() {
            fs::remove_file(piece(&self.path, 1))?;
            self.remove_pieces(count + 1)?;
        }
        parts.iter().zip(&names).rev().try_for_each(|(part, name)| fs::rename(part, name))?;
        self.remove_pieces(if count == 1 { 1 } else { count + 1 })?;
        if count > 1 && self.path.is_file() {
            fs::remove_file(&self.path)?;
        }
        Ok(names)
    }

    /// Removes the pieces from `first` on.
    fn remove_pieces(&self, first: usize) -> io::Result<()> {
        let old = (first..).map(|n| piece(&self.path, n)).take_while(|piece| piece.is_file());
        old.into_iter().try_for_each(fs::remove_file)
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written == self.most {
            self.next()?;
        }
        let room = usize::try_from(self.most - self.written).unwrap_or(usize::MAX);
        let count = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PieceWriter {
    fn drop(&mut self) {
        // Nothing is left of a pack that was not finished; what cannot be removed does no harm.
        self.parts.iter().for_each(|part| drop(fs::remove_file(part)));
    }
}
