//! A column in a group of rows, page by page.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    mem::take,
    ops::Range,
    path::Path,
};

use polars_parquet_format::{CompressionCodec, Encoding, PageHeader, PageType};

use super::{
    codec,
    faults::{CUT_OFF, check, unread, wrong},
    footer::Chunk,
    schema::Leaf,
    thrift,
    values::{Dictionary, Page, Value},
};

/// Bytes of a page at most, compressed or not.
const LARGEST_PAGE: usize = 1 << 30;
/// Bytes of a page's header at most: some writers put the smallest and the largest image into it.
const LARGEST_HEADER: u64 = 64 << 20;

/// What reads a column.
pub(super) struct Pages<'a> {
    file: BufReader<File>,
    leaf: &'a Leaf,
    codec: CompressionCodec,
    /// Bytes and rows of the chunk that are still to come.
    bytes: u64,
    rows: u64,
    dictionary: Option<Dictionary>,
    /// What a page without a dictionary is read with.
    nothing: Dictionary,
    page: Page,
    /// The page as it is in the file, to be used again.
    packed: Vec<u8>,
}

impl<'a> Pages<'a> {
    /// A column of the file at `path` with no rows yet.
    pub fn open(path: &Path, leaf: &'a Leaf) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(Self {
            file: BufReader::new(file),
            leaf,
            codec: CompressionCodec::UNCOMPRESSED,
            bytes: 0,
            rows: 0,
            dictionary: None,
            nothing: Dictionary::default(),
            page: Page::none(leaf.kind),
            packed: Vec::new(),
        })
    }

    /// Goes to the rows of a group.
    pub fn begin(&mut self, chunk: Chunk) -> Result<(), String> {
        (self.codec, self.bytes, self.rows) = (chunk.codec, chunk.length, chunk.rows);
        (self.dictionary, self.page.left) = (None, 0);
        let sought = self.file.seek(SeekFrom::Start(chunk.start));
        sought.map(drop).map_err(|error| format!("it cannot be read: {error}"))
    }

    /// What the next row has.
    pub fn next(&mut self) -> Result<Value<'_>, String> {
        while self.page.left == 0 {
            self.next_page()?;
        }
        let dictionary = self.dictionary.as_ref().unwrap_or(&self.nothing);
        self.page.next(dictionary).map_err(|what| wrong(self.leaf, what))
    }

    fn next_page(&mut self) -> Result<(), String> {
        let leaf = self.leaf;
        let header = self.header()?;
        let sizes = [header.compressed_page_size, header.uncompressed_page_size];
        let [packed, size] = sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        if packed as u64 > self.bytes || size == usize::MAX {
            return Err(wrong(leaf, "a page does not lie within it"));
        }
        if packed.max(size) > LARGEST_PAGE {
            let most = LARGEST_PAGE >> 20;
            return Err(format!(
                "its column {} has a page of more than {most} MiB: write it again with smaller pages",
                leaf.name()
            ));
        }
        self.bytes -= packed as u64;
        match header.type_ {
            PageType::DATA_PAGE => self.data_page(&header, packed, size),
            PageType::DATA_PAGE_V2 => self.data_page_v2(&header, packed, size),
            PageType::DICTIONARY_PAGE => self.dictionary_page(&header, packed, size),
            _ => self.file.seek_relative(packed as i64).map_err(|_| CUT_OFF.into()),
        }
    }

    fn header(&mut self) -> Result<PageHeader, String> {
        let most = self.bytes.min(LARGEST_HEADER);
        if most == 0 {
            return Err(wrong(self.leaf, "it has fewer rows than it says"));
        }
        let mut bytes = (&mut self.file).take(most);
        let header = thrift::read(&mut bytes, most as usize);
        self.bytes -= most - bytes.limit();
        header.map_err(|error| wrong(self.leaf, &format!("a page's header: {error}")))
    }

    fn dictionary_page(
        &mut self,
        header: &PageHeader,
        packed: usize,
        size: usize,
    ) -> Result<(), String> {
        let leaf = self.leaf;
        let said = header.dictionary_page_header.as_ref().filter(|_| self.dictionary.is_none());
        let said =
            said.ok_or_else(|| wrong(leaf, "a dictionary is not described, or is the second"))?;
        if !matches!(said.encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
            return Err(unread(leaf, said.encoding));
        }
        let count =
            usize::try_from(said.num_values).map_err(|_| wrong(leaf, "less than no values"))?;
        let mut bytes = Vec::new();
        self.read(packed)?;
        self.unpack(0, size, &mut bytes)?;
        let dictionary = Dictionary::new(bytes, count, leaf.kind);
        self.dictionary = Some(dictionary.map_err(|what| wrong(leaf, what))?);
        Ok(())
    }

    fn data_page(&mut self, header: &PageHeader, packed: usize, size: usize) -> Result<(), String> {
        let leaf = self.leaf;
        let said = header.data_page_header.as_ref();
        let said = said.ok_or_else(|| wrong(leaf, "a page does not say what is in it"))?;
        let rows = self.rows(said.num_values)?;
        check(leaf, said.encoding)?;
        if leaf.level > 0 && said.definition_level_encoding != Encoding::RLE {
            return Err(unread(leaf, said.definition_level_encoding));
        }
        let mut bytes = take(&mut self.page.bytes);
        self.read(packed)?;
        self.unpack(0, size, &mut bytes)?;
        let levels = match leaf.level {
            0 => Some(0..0),
            _ => bytes.first_chunk().and_then(|length| {
                let end = (u32::from_le_bytes(*length) as usize).checked_add(4)?;
                (end <= bytes.len()).then_some(4..end)
            }),
        };
        self.turn(bytes, rows, levels, said.encoding)
    }

    fn data_page_v2(
        &mut self,
        header: &PageHeader,
        packed: usize,
        size: usize,
    ) -> Result<(), String> {
        let leaf = self.leaf;
        let said = header.data_page_header_v2.as_ref();
        let said = said.ok_or_else(|| wrong(leaf, "a page does not say what is in it"))?;
        let rows = self.rows(said.num_values)?;
        check(leaf, said.encoding)?;
        // These levels are not compressed with the values.
        let lengths = [said.repetition_levels_byte_length, said.definition_levels_byte_length];
        let [start, length] = lengths.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let end = start.checked_add(length).filter(|end| *end <= packed.min(size));
        let end = end.ok_or_else(|| wrong(leaf, "a page's levels do not lie within it"))?;
        let mut bytes = take(&mut self.page.bytes);
        self.read(packed)?;
        match said.is_compressed {
            Some(false) => std::mem::swap(&mut bytes, &mut self.packed),
            _ => self.unpack(end, size, &mut bytes)?,
        }
        self.turn(bytes, rows, Some(start..end), said.encoding)
    }

    /// Rows of a page, which the chunk must have.
    fn rows(&mut self, count: i32) -> Result<usize, String> {
        let left = u64::try_from(count).ok().and_then(|count| self.rows.checked_sub(count));
        self.rows = left.ok_or_else(|| wrong(self.leaf, "it has more rows than it says"))?;
        Ok(count as usize)
    }

    /// Reads a page as it is in the file.
    fn read(&mut self, length: usize) -> Result<(), String> {
        self.packed.clear();
        let read = (&mut self.file).take(length as u64).read_to_end(&mut self.packed);
        match read {
            Ok(count) if count == length => Ok(()),
            Ok(_) => Err(CUT_OFF.into()),
            Err(error) => Err(format!("it cannot be read: {error}")),
        }
    }

    /// Puts into `bytes` the page's `size` bytes, of which the first `plain` are not compressed.
    fn unpack(&mut self, plain: usize, size: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let leaf = self.leaf;
        let (levels, rest) = self.packed.split_at_checked(plain).unwrap_or_default();
        if self.codec == CompressionCodec::UNCOMPRESSED {
            std::mem::swap(bytes, &mut self.packed);
        } else if rest.is_empty() {
            // What has no values is not compressed.
            bytes.clear();
            bytes.extend(levels);
        } else {
            codec::unpack(self.codec, rest, size - plain, bytes)
                .map_err(|what| wrong(leaf, &format!("a page: {what}")))?;
            bytes.splice(0..0, levels.iter().copied());
        }
        if bytes.len() == size { Ok(()) } else { Err(wrong(leaf, "a page is not of its size")) }
    }

    /// Begins a page.
    fn turn(
        &mut self,
        bytes: Vec<u8>,
        rows: usize,
        levels: Option<Range<usize>>,
        encoding: Encoding,
    ) -> Result<(), String> {
        let levels = levels.ok_or("a page's levels do not lie within it");
        let page = levels.and_then(|levels| Page::new(bytes, rows, levels, encoding, self.leaf));
        self.page = page.map_err(|what| wrong(self.leaf, what))?;
        Ok(())
    }
}
