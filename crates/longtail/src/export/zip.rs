//! Zip archives of files that are not compressed (PKWARE's APPNOTE 6.3.10, without zip64).

/// Bytes of the header before a file, without name and padding.
const LOCAL: usize = 30;
/// Bytes of the head of an extra field.
const EXTRA: usize = 4;
/// The kind of extra field that PyTorch pads with.
const PADDING: [u8; 2] = *b"FB";
/// 1 January 1980, the first day that there is: the same bytes every time.
const DATE: u16 = 1 << 5 | 1;

/// An archive under way.
pub struct StoredZip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    files: u16,
    /// Files begin at multiples of it.
    alignment: usize,
}

/// An archive that would be larger than the format can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl From<std::num::TryFromIntError> for TooLarge {
    fn from(_: std::num::TryFromIntError) -> Self {
        Self
    }
}

impl StoredZip {
    /// An empty one, in which the bytes of files will begin at multiples of `alignment`.
    pub fn new(alignment: usize) -> Self {
        Self { bytes: Vec::new(), directory: Vec::new(), files: 0, alignment: alignment.max(1) }
    }

    /// Adds a file; `name` is ASCII.
    pub fn add(&mut self, name: &str, contents: &[u8]) -> Result<(), TooLarge> {
        let offset = u32::try_from(self.bytes.len())?;
        let begins = self.bytes.len() + LOCAL + name.len() + EXTRA;
        let padding = begins.next_multiple_of(self.alignment) - begins;
        let extra = u16::try_from(EXTRA + padding)?;
        let about = about(name, contents)?;
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&about);
        self.bytes.extend(extra.to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(PADDING);
        self.bytes.extend(u16::try_from(padding)?.to_le_bytes());
        self.bytes.resize(self.bytes.len() + padding, b'Z');
        self.bytes.extend(contents);
        self.directory.extend(b"PK\x01\x02\x0a\x00");
        self.directory.extend(&about);
        // No extra field, no remark, disk 0, attributes 0 and 0.
        self.directory.extend([0; 12]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.files = self.files.checked_add(1).ok_or(TooLarge)?;
        Ok(())
    }

    /// The archive.
    pub fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        let (offset, size) =
            (u32::try_from(self.bytes.len())?, u32::try_from(self.directory.len())?);
        self.bytes.append(&mut self.directory);
        self.bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
        self.bytes.extend([self.files.to_le_bytes(), self.files.to_le_bytes()].concat());
        self.bytes.extend([size.to_le_bytes(), offset.to_le_bytes()].concat());
        self.bytes.extend([0, 0]);
        Ok(self.bytes)
    }
}

/// What both headers of a file say of it: from the version that reads it (1.0) to the length of its name.
fn about(name: &str, contents: &[u8]) -> Result<Vec<u8>, TooLarge> {
    let size = u32::try_from(contents.len())?;
    let mut about = Vec::with_capacity(24);
    // Version, flags, method, time, date.
    [10, 0, 0, 0, DATE].iter().for_each(|number: &u16| about.extend(number.to_le_bytes()));
    [crc32fast::hash(contents), size, size].iter().for_each(|n| about.extend(n.to_le_bytes()));
    about.extend(u16::try_from(name.len())?.to_le_bytes());
    Ok(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The archive's files by its directory: name, where the contents begin, contents.
    fn files(archive: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
        let number = |at: usize, bytes: usize| {
            archive[at..at + bytes].iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))
        };
        let end = archive.len() - 22;
        assert_eq!(archive[end..end + 4], *b"PK\x05\x06");
        assert_eq!(number(end + 16, 4) + number(end + 12, 4), end);
        let (mut at, mut files) = (number(end + 16, 4), Vec::new());
        for _ in 0..number(end + 10, 2) {
            assert_eq!(archive[at..at + 4], *b"PK\x01\x02");
            let (size, name) = (number(at + 24, 4), number(at + 28, 2));
            let (local, name_at) = (number(at + 42, 4), at + 46);
            assert_eq!(archive[local..local + 4], *b"PK\x03\x04");
            // Version to the length of the name stand in both.
            assert_eq!(archive[at + 6..at + 30], archive[local + 4..local + 28]);
            let begins = local + 30 + number(local + 26, 2) + number(local + 28, 2);
            let contents = archive[begins..begins + size].to_vec();
            assert_eq!(number(at + 16, 4), crc32fast::hash(&contents) as usize);
            let text = String::from_utf8(archive[name_at..name_at + name].to_vec()).unwrap();
            files.push((text, begins, contents));
            at = name_at + name + number(at + 30, 2) + number(at + 32, 2);
        }
        assert_eq!(at, end);
        files
    }

    #[test]
    fn files_are_found_whole_and_aligned() {
        let mut zip = StoredZip::new(64);
        let long = vec![7; 300];
        let all = [("a", &b"one"[..]), ("folder/b", b""), ("c", &long)];
        for (name, contents) in all {
            zip.add(name, contents).unwrap();
        }
        let found = files(&zip.finish().unwrap());
        assert_eq!(found.len(), 3);
        for ((name, begins, contents), (own, bytes)) in found.iter().zip(all) {
            assert_eq!((&name[..], &contents[..]), (own, bytes));
            assert_eq!(begins % 64, 0, "{name}");
        }
    }

    #[test]
    fn an_archive_without_files_is_one() {
        assert!(files(&StoredZip::new(1).finish().unwrap()).is_empty());
    }
}
