//! The file of a cache: pixels one after the other, and a table that says whose they are.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Room,
    table::{self, Record},
};

/// The decoded images of one part of a data set, in two files.
///
/// Pixels are written before the table says that they are there, and have a checksum, so that what a kill or a full disk
/// leaves half-written is never taken for an image.
#[derive(Debug)]
pub(super) struct Store {
    pixels: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    images: Vec<Kept>,
    /// `None` where another process writes, the disk is full or the bound is reached.
    writer: Option<Writer>,
    /// Why the writing ended, until that is told.
    ended: Option<String>,
}

/// An image of the set.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Its place in the table, if it has one.
    slot: Option<u32>,
    record: Record,
}

#[derive(Debug)]
struct Writer {
    pixels: File,
    table: File,
    /// Where pixels go that fit into no gap.
    end: u64,
    /// Bytes of the file, some of which may lie behind all pixels.
    length: u64,
    /// What nobody's pixels take any more, `(offset, bytes)`.
    gaps: Vec<(u64, u64)>,
    /// Places of the table.
    slots: u32,
    /// Those of them that are nobody's.
    free: Vec<u32>,
    /// Images that are not in the set, which others may have again: they go when room is needed.
    idle: Vec<(u32, Record)>,
    room: Room,
}

impl Store {
    /// Opens or makes the cache `name` of the images with these keys in `folder`, to whose pixels `room` may be added.
    pub(super) fn open(folder: &Path, name: &str, keys: &[u64], room: Room) -> io::Result<Self> {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        if let Some(store) = Self::read_only(&path("pixels"), &path("table"), keys) {
            return Ok(store);
        }
        let open = |path: &Path| {
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
        };
        let (pixels, mut table) = (open(&path("pixels"))?, open(&path("table"))?);
        let is_ours = match table.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            // A file system without locks cannot be asked: images are then read, and none is added.
            Err(TryLockError::Error(_)) => false,
        };
        let length = pixels.metadata()?.len();
        let records = match table::read(&mut table)? {
            Some(records) => records,
            None if is_ours => {
                table::begin(&mut table)?;
                Vec::new()
            }
            None => Vec::new(),
        };
        let found = Found::of(keys, records, length);
        let writer = is_ours.then(|| Writer {
            pixels,
            table,
            end: found.end,
            length,
            gaps: found.gaps,
            slots: found.slots,
            free: found.free,
            idle: found.idle,
            room,
        });
        let inner = Mutex::new(Inner { images: found.images, writer, ended: None });
        Ok(Self { pixels: path("pixels"), inner })
    }

    /// A cache that is there on a disk that cannot be written to.
    fn read_only(pixels: &Path, table: &Path, keys: &[u64]) -> Option<Self> {
        let is_refused = |path: &Path| {
            let kind = OpenOptions::new().write(true).open(path).err()?.kind();
            let refused = [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied];
            refused.contains(&kind).then_some(())
        };
        is_refused(table).or(is_refused(pixels))?;
        let length = pixels.metadata().ok()?.len();
        let records = table::read(&mut File::open(table).ok()?).ok()??;
        let images = Found::of(keys, records, length).images;
        let inner = Mutex::new(Inner { images, writer: None, ended: None });
        Some(Self { pixels: pixels.to_owned(), inner })
    }

    /// How many images of the set there are.
    pub(super) fn len(&self) -> usize {
        self.lock().images.iter().filter(|image| image.record.bytes() > 0).count()
    }

    /// Whether image `index` is there as its file is now, of which `stamp` is asked where that matters.
    pub(super) fn holds(&self, index: usize, stamp: impl Fn() -> Option<u64>) -> Option<bool> {
        let record = self.lock().images.get(index)?.record;
        Some(record.bytes() > 0 && stamp() == Some(record.stamp))
    }

    /// Why nothing is added any more, once.
    pub(super) fn why_ended(&self) -> Option<String> {
        self.lock().ended.take()
    }

    /// Puts the pixels of image `index` in the place of what `pixels` hold, if they are there as its file is now.
    pub(super) fn get(&self, index: usize, stamp: u64, pixels: &mut Vec<u8>) -> Option<[usize; 2]> {
        let record = self.lock().images.get(index)?.record;
        if record.bytes() == 0 || record.stamp != stamp {
            return None;
        }
        pixels.resize(usize::try_from(record.bytes()).ok()?, 0);
        let mut file = File::open(&self.pixels).ok()?;
        file.seek(SeekFrom::Start(record.offset)).ok()?;
        file.read_exact(pixels).ok()?;
        (crc32fast::hash(pixels) == record.crc).then(|| record.size.map(|side| side as usize))
    }

    /// Keeps the pixels of image `index`; what cannot be written ends the writing, not the work.
    pub(super) fn put(&self, index: usize, stamp: u64, size: [usize; 2], pixels: &[u8]) {
        let [Ok(height), Ok(width)] = size.map(u32::try_from) else { return };
        let crc = crc32fast::hash(pixels);
        let mut inner = self.lock();
        let Inner { images, writer, ended } = &mut *inner;
        let (Some(image), Some(open)) = (images.get_mut(index), writer.as_mut()) else { return };
        // What another file had there is nobody's any more.
        open.give(image.record);
        image.record = Record::nowhere(image.record.key);
        let made = Record { size: [height, width], crc, stamp, ..image.record };
        match open.add(&mut image.slot, made, pixels) {
            Ok(made) => image.record = made,
            Err(error) => {
                let why = match error.kind() {
                    io::ErrorKind::QuotaExceeded => "--cache-gib is reached".into(),
                    _ => error.to_string(),
                };
                (*writer, *ended) = (None, Some(why));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Lets other pixels take the place of a record's.
    fn give(&mut self, record: Record) {
        if record.bytes() > 0 {
            self.gaps.push((record.offset, record.bytes()));
        }
    }

    /// Writes pixels and where they are, to the place of the table that `slot` says, or to one that it is given.
    fn add(&mut self, slot: &mut Option<u32>, record: Record, pixels: &[u8]) -> io::Result<Record> {
        let made = Record { offset: self.place(record.bytes())?, ..record };
        let slot = *slot.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            })
        });
        self.pixels.seek(SeekFrom::Start(made.offset))?;
        self.pixels.write_all(pixels)?;
        table::write(&mut self.table, slot as usize, made)?;
        Ok(made)
    }

    /// Where so many bytes go: into the first gap that has them, else behind all, else where idle images were.
    fn place(&mut self, bytes: u64) -> io::Result<u64> {
        if let Some(offset) = self.in_gap(bytes) {
            return Ok(offset);
        }
        let (offset, end) = (self.end, self.end.saturating_add(bytes));
        if self.room.take(end.saturating_sub(self.length)) {
            (self.end, self.length) = (end, self.length.max(end));
            return Ok(offset);
        }
        self.give_up_idle()?;
        self.in_gap(bytes).ok_or_else(|| io::ErrorKind::QuotaExceeded.into())
    }

    fn in_gap(&mut self, bytes: u64) -> Option<u64> {
        let gap = self.gaps.iter().position(|(_, room)| *room >= bytes)?;
        let (offset, room) = self.gaps.swap_remove(gap);
        if room > bytes {
            self.gaps.push((offset + bytes, room - bytes));
        }
        Some(offset)
    }

    /// Takes the images that are not in the set out of the table, and their room for others.
    fn give_up_idle(&mut self) -> io::Result<()> {
        for (slot, record) in std::mem::take(&mut self.idle) {
            table::write(&mut self.table, slot as usize, Record::default())?;
            self.free.push(slot);
            self.give(record);
        }
        self.gaps = joined(std::mem::take(&mut self.gaps));
        Ok(())
    }
}

/// What a table holds, sorted by whose it is.
struct Found {
    images: Vec<Kept>,
    idle: Vec<(u32, Record)>,
    free: Vec<u32>,
    slots: u32,
    gaps: Vec<(u64, u64)>,
    end: u64,
}

impl Found {
    /// For images with these keys; the file of pixels has so many bytes, and may be shorter than its table says.
    fn of(keys: &[u64], records: Vec<Record>, length: u64) -> Self {
        let mut wanted: Vec<(u64, usize)> = keys.iter().copied().zip(0..).collect();
        wanted.sort_unstable();
        let mut images: Vec<Kept> =
            keys.iter().map(|&key| Kept { slot: None, record: Record::nowhere(key) }).collect();
        let (mut idle, mut free, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        let slots = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let mut records: Vec<(Record, u32)> = records.into_iter().zip(0..slots).collect();
        records.sort_unstable_by_key(|(record, slot)| (record.key, *slot));
        // An image that stands in the set twice has two records.
        let mut wanted = wanted.into_iter().peekable();
        for (record, slot) in records {
            if record.bytes() == 0 || record.end() > length {
                free.push(slot);
                continue;
            }
            taken.push((record.offset, record.end()));
            while wanted.next_if(|(key, _)| *key < record.key).is_some() {}
            match wanted.next_if(|(key, _)| *key == record.key) {
                Some((_, index)) => images[index] = Kept { slot: Some(slot), record },
                None => idle.push((slot, record)),
            }
        }
        let (gaps, end) = gaps(taken);
        Self { images, idle, free, slots, gaps, end }
    }
}

/// What lies between pixels, `(offset, end)`, and is nobody's, `(offset, bytes)`, and where all end.
fn gaps(mut taken: Vec<(u64, u64)>) -> (Vec<(u64, u64)>, u64) {
    taken.sort_unstable();
    let (mut gaps, mut end) = (Vec::new(), 0);
    for (offset, after) in taken {
        if offset > end {
            gaps.push((end, offset - end));
        }
        end = end.max(after);
    }
    (gaps, end)
}

/// Gaps that touch as one.
fn joined(mut gaps: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    gaps.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (offset, bytes) in gaps {
        match joined.last_mut() {
            Some((first, length)) if *first + *length == offset => *length += bytes,
            _ => joined.push((offset, bytes)),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
