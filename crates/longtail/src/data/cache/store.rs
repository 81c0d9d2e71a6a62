//! The file of a cache: pixels one after the other, and a table that says whose they are.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Room;

/// What a table begins with: the layout's name and version.
const MAGIC: &[u8; 16] = b"longtail-cache-1";
/// Bytes of an image in the table.
const RECORD: usize = 32;

/// Where an image's pixels are. All zero: nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Record {
    offset: u64,
    /// `[height, width]`.
    size: [u32; 2],
    /// Checksum of the pixels.
    crc: u32,
    /// What the file had when its image was decoded.
    stamp: u64,
}

impl Record {
    fn of(bytes: &[u8; RECORD]) -> Self {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self { offset: long(0), size: [short(8), short(12)], crc: short(16), stamp: long(24) }
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.size[0].to_le_bytes());
        bytes[12..16].copy_from_slice(&self.size[1].to_le_bytes());
        bytes[16..20].copy_from_slice(&self.crc.to_le_bytes());
        bytes[24..].copy_from_slice(&self.stamp.to_le_bytes());
        bytes
    }

    fn bytes(&self) -> u64 {
        u64::from(self.size[0]) * u64::from(self.size[1]) * 3
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes())
    }
}

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
    records: Vec<Record>,
    /// `None` where another process writes, the disk is full or the bound is reached.
    writer: Option<Writer>,
    /// Why the writing ended, until that is told.
    ended: Option<String>,
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
    room: Room,
}

impl Store {
    /// Opens or makes the cache `name` of `images` images in `folder`, to whose pixels `room` may be added.
    pub(super) fn open(folder: &Path, name: &str, images: usize, room: Room) -> io::Result<Self> {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        if let Some(store) = Self::read_only(&path("pixels"), &path("table"), images) {
            return Ok(store);
        }
        std::fs::create_dir_all(folder)?;
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
        let records: Vec<Record> = match read_table(&mut table, images)? {
            Some(records) => records.into_iter().map(|r| within(r, length)).collect(),
            None if is_ours => {
                begin_table(&mut table, images)?;
                vec![Record::default(); images]
            }
            None => vec![Record::default(); images],
        };
        let writer = is_ours.then(|| {
            let (gaps, end) = gaps(&records);
            Writer { pixels, table, end, length, gaps, room }
        });
        let inner = Mutex::new(Inner { records, writer, ended: None });
        Ok(Self { pixels: path("pixels"), inner })
    }

    /// A cache that is there on a disk that cannot be written to.
    fn read_only(pixels: &Path, table: &Path, images: usize) -> Option<Self> {
        let is_refused = |path: &Path| {
            let kind = OpenOptions::new().write(true).open(path).err()?.kind();
            let refused = [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied];
            refused.contains(&kind).then_some(())
        };
        is_refused(table).or(is_refused(pixels))?;
        let length = pixels.metadata().ok()?.len();
        let records = read_table(&mut File::open(table).ok()?, images).ok()??;
        let records = records.into_iter().map(|record| within(record, length)).collect();
        let inner = Mutex::new(Inner { records, writer: None, ended: None });
        Some(Self { pixels: pixels.to_owned(), inner })
    }

    /// How many images there are.
    pub(super) fn len(&self) -> usize {
        self.lock().records.iter().filter(|record| record.bytes() > 0).count()
    }

    /// Whether image `index` is there as its file is now, of which `stamp` is asked where that matters.
    pub(super) fn holds(&self, index: usize, stamp: impl Fn() -> Option<u64>) -> Option<bool> {
        let record = *self.lock().records.get(index)?;
        Some(record.bytes() > 0 && stamp() == Some(record.stamp))
    }

    /// Why nothing is added any more, once.
    pub(super) fn why_ended(&self) -> Option<String> {
        self.lock().ended.take()
    }

    /// Puts the pixels of image `index` in the place of what `pixels` hold, if they are there as its file is now.
    pub(super) fn get(&self, index: usize, stamp: u64, pixels: &mut Vec<u8>) -> Option<[usize; 2]> {
        let record = *self.lock().records.get(index)?;
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
        let Inner { records, writer, ended } = &mut *inner;
        let (Some(record), Some(open)) = (records.get_mut(index), writer.as_mut()) else { return };
        // What another file had there is nobody's any more.
        open.free(*record);
        *record = Record::default();
        let made = Record { offset: 0, size: [height, width], crc, stamp };
        let written = open.place(made.bytes()).and_then(|offset| {
            let made = Record { offset, ..made };
            open.write(index, made, pixels).map(|()| made)
        });
        match written {
            Ok(made) => *record = made,
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
    fn free(&mut self, record: Record) {
        if record.bytes() > 0 {
            self.gaps.push((record.offset, record.bytes()));
        }
    }

    /// Where so many bytes go: into the first gap that has them, else behind all.
    fn place(&mut self, bytes: u64) -> io::Result<u64> {
        if let Some(gap) = self.gaps.iter().position(|(_, room)| *room >= bytes) {
            let (offset, room) = self.gaps.swap_remove(gap);
            if room > bytes {
                self.gaps.push((offset + bytes, room - bytes));
            }
            return Ok(offset);
        }
        let (offset, end) = (self.end, self.end.saturating_add(bytes));
        let more = end.saturating_sub(self.length);
        if !self.room.take(more) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        (self.end, self.length) = (end, self.length.max(end));
        Ok(offset)
    }

    fn write(&mut self, index: usize, record: Record, pixels: &[u8]) -> io::Result<()> {
        self.pixels.seek(SeekFrom::Start(record.offset))?;
        self.pixels.write_all(pixels)?;
        self.table.seek(SeekFrom::Start((MAGIC.len() + index * RECORD) as u64))?;
        self.table.write_all(&record.to_bytes())
    }
}

/// What lies between pixels and is nobody's, `(offset, bytes)`, and where all end.
fn gaps(records: &[Record]) -> (Vec<(u64, u64)>, u64) {
    let mut taken: Vec<_> = records.iter().filter(|record| record.bytes() > 0).collect();
    taken.sort_unstable_by_key(|record| record.offset);
    let (mut gaps, mut end) = (Vec::new(), 0);
    for record in taken {
        if record.offset > end {
            gaps.push((end, record.offset - end));
        }
        end = end.max(record.end());
    }
    (gaps, end)
}

/// A record of pixels that are there; a file may be shorter than its table says.
fn within(record: Record, length: u64) -> Record {
    if record.end() > length { Record::default() } else { record }
}

/// The records of a table of `images`; none of one that is damaged or new.
fn read_table(table: &mut File, images: usize) -> io::Result<Option<Vec<Record>>> {
    let length = MAGIC.len() + images * RECORD;
    let mut bytes = Vec::new();
    table.rewind()?;
    table.take(length as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() != length || !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    Ok(Some(bytes[MAGIC.len()..].as_chunks().0.iter().map(Record::of).collect()))
}

fn begin_table(table: &mut File, images: usize) -> io::Result<()> {
    table.set_len(0)?;
    table.rewind()?;
    table.write_all(MAGIC)?;
    table.set_len((MAGIC.len() + images * RECORD) as u64)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn opened(folder: &Path, images: usize, most: u64) -> Store {
        Store::open(folder, "a", images, Room::in_folder(folder, most)).unwrap()
    }

    fn held(store: &Store, index: usize, stamp: u64) -> Option<(Vec<u8>, [usize; 2])> {
        let mut pixels = vec![9; 2];
        let size = store.get(index, stamp, &mut pixels)?;
        Some((pixels, size))
    }

    #[test]
    fn what_is_put_is_there_again_and_for_the_same_file_alone() {
        let dir = tempdir().unwrap();
        let open = || opened(dir.path(), 3, 1_000);
        let store = open();
        assert_eq!(held(&store, 1, 7), None);
        store.put(1, 7, [1, 2], &[1, 2, 3, 4, 5, 6]);
        store.put(0, 8, [1, 1], &[7, 8, 9]);
        let first = Some((vec![1, 2, 3, 4, 5, 6], [1, 2]));
        assert_eq!(held(&store, 1, 7), first);
        assert_eq!(held(&store, 1, 6), None, "another file");
        drop(store);
        let store = open();
        assert_eq!((store.len(), held(&store, 1, 7)), (2, first));
        // A file that was changed takes the place of what it was.
        store.put(1, 9, [1, 1], &[0, 0, 1]);
        assert_eq!(held(&store, 1, 9), Some((vec![0, 0, 1], [1, 1])));
        assert_eq!(held(&store, 0, 8), Some((vec![7, 8, 9], [1, 1])));
        assert_eq!(held(&store, 7, 8), None);
    }

    #[test]
    fn damage_is_seen_and_mended() {
        let dir = tempdir().unwrap();
        let open = |images| opened(dir.path(), images, 1_000);
        let fill = |store: Store| (0..3).for_each(|i| store.put(i, 1, [1, 1], &[i as u8; 3]));
        fill(open(3));
        let pixels = dir.path().join("a.pixels");
        std::fs::write(&pixels, [0, 0, 0, 1, 9, 1, 2, 2]).unwrap();
        let store = open(3);
        let held = [0, 1, 2].map(|index| held(&store, index, 1).is_some());
        assert_eq!(held, [true, false, false], "one is other, one cut off");
        drop(store);
        // A table of another length, or of something else, is begun again.
        assert_eq!(open(4).len(), 0);
        fill(open(4));
        std::fs::write(dir.path().join("a.table"), [3; 16 + 4 * RECORD]).unwrap();
        assert_eq!(open(4).len(), 0);
    }

    #[test]
    fn no_more_is_kept_than_the_bound_and_one_process_writes() {
        let dir = tempdir().unwrap();
        let store = opened(dir.path(), 4, 7);
        let second = opened(dir.path(), 4, 1_000);
        (0..4).for_each(|i| store.put(i, 1, [1, 1], &[i as u8; 3]));
        second.put(3, 1, [1, 1], &[3; 3]);
        assert_eq!((store.len(), second.len()), (2, 0));
        assert_eq!(dir.path().join("a.pixels").metadata().unwrap().len(), 6);
        assert_eq!(store.why_ended().as_deref(), Some("--cache-gib is reached"));
        assert_eq!((store.why_ended(), second.why_ended()), (None, None), "it is said once");
        drop(store);
        assert_eq!(opened(dir.path(), 4, 1_000).len(), 2);
    }

    #[test]
    fn what_changed_files_had_is_taken_by_others() {
        let dir = tempdir().unwrap();
        let length = || dir.path().join("a.pixels").metadata().unwrap().len();
        let store = opened(dir.path(), 4, 1_000);
        (0..3).for_each(|i| store.put(i, 1, [1, 2], &[i as u8; 6]));
        // Smaller ones leave a gap, also for who opens it anew.
        store.put(1, 2, [1, 1], &[7; 3]);
        assert_eq!(
            (length(), store.holds(1, || Some(1)), store.holds(1, || Some(2))),
            (18, Some(false), Some(true))
        );
        drop(store);
        let store = opened(dir.path(), 4, 0);
        store.put(3, 1, [1, 1], &[9; 3]);
        assert_eq!(length(), 18);
        let all = [(0, 1), (1, 2), (2, 1), (3, 1)].map(|(index, stamp)| held(&store, index, stamp));
        let sizes = all.map(|held| held.map(|(pixels, _)| (pixels.len(), pixels[0])));
        assert_eq!(sizes, [(6, 0), (3, 7), (6, 2), (3, 9)].map(Some));
    }
}
