//! The values of a page, one after the other.

use std::ops::Range;

use polars_parquet_format::{Encoding, Type};

use super::{
    delta::Deltas,
    levels::{Runs, width_of},
    schema::Leaf,
};

/// Values that end before all are read.
const ENDS: &str = "its values end too soon";

/// What a column has in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Whole(i64),
    Bytes(&'a [u8]),
}

/// The values that indices stand for.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    whole: Vec<i64>,
    /// Where texts and images are in the bytes.
    places: Vec<Range<u32>>,
}

impl Dictionary {
    /// Of a page of `count` plain values.
    pub fn new(bytes: Vec<u8>, count: usize, kind: Type) -> Result<Self, &'static str> {
        let mut dictionary = Self { bytes, ..Self::default() };
        let mut at = 0;
        for _ in 0..count {
            match kind {
                Type::BYTE_ARRAY => {
                    let Range { start, end } = plain_bytes(&dictionary.bytes, &mut at)?;
                    let place = u32::try_from(start).ok().zip(u32::try_from(end).ok());
                    let (start, end) = place.ok_or("its dictionary is too large")?;
                    dictionary.places.push(start..end);
                }
                _ => dictionary.whole.push(plain_whole(&dictionary.bytes, &mut at, kind)?),
            }
        }
        Ok(dictionary)
    }

    fn get(&self, index: u32, kind: Type) -> Option<Value<'_>> {
        let index = index as usize;
        if kind != Type::BYTE_ARRAY {
            return self.whole.get(index).copied().map(Value::Whole);
        }
        let Range { start, end } = self.places.get(index)?.clone();
        self.bytes.get(start as usize..end as usize).map(Value::Bytes)
    }
}

/// A page that is being read.
#[derive(Debug)]
pub(super) struct Page {
    pub bytes: Vec<u8>,
    /// Rows that are still to come.
    pub left: usize,
    /// Which rows have a value; all where there are no levels.
    levels: Option<Runs>,
    /// The level at which there is a value.
    level: u32,
    kind: Type,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Plain(usize),
    Indices(Runs),
    Deltas(Deltas),
    /// The lengths, and where the next value begins.
    Lengths(Deltas, usize),
}

impl Page {
    /// Of no rows.
    pub fn none(kind: Type) -> Self {
        let (bytes, values) = (Vec::new(), Values::Plain(0));
        Self { bytes, left: 0, levels: None, level: 0, kind, values }
    }

    /// Of `rows` rows: in `bytes` are the levels at `levels`, and then the values.
    pub fn new(
        bytes: Vec<u8>,
        rows: usize,
        levels: Range<usize>,
        encoding: Encoding,
        leaf: &Leaf,
    ) -> Result<Self, &'static str> {
        let (level, kind) = (leaf.level, leaf.kind);
        let values = Values::new(&bytes, levels.end, encoding, kind)?;
        let levels = match level {
            0 => None,
            level => Some(Runs::new(levels.start, levels.end, width_of(level))?),
        };
        Ok(Self { bytes, left: rows, levels, level, kind, values })
    }

    /// What the next row has.
    pub fn next<'a>(&'a mut self, dictionary: &'a Dictionary) -> Result<Value<'a>, &'static str> {
        self.left = self.left.checked_sub(1).ok_or(ENDS)?;
        if let Some(levels) = &mut self.levels {
            let level = levels.next(&self.bytes)?;
            if level > self.level {
                return Err("it has a level that there is not");
            }
            if level < self.level {
                return Ok(Value::Null);
            }
        }
        self.values.next(&self.bytes, self.kind, dictionary)
    }
}

impl Values {
    fn new(page: &[u8], at: usize, encoding: Encoding, kind: Type) -> Result<Self, &'static str> {
        match encoding {
            // A page of nulls alone has nothing behind its levels.
            _ if at == page.len() => Ok(Self::Plain(at)),
            Encoding::PLAIN => Ok(Self::Plain(at)),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                let width = *page.get(at).ok_or(ENDS)?;
                Ok(Self::Indices(Runs::new(at + 1, page.len(), u32::from(width))?))
            }
            Encoding::DELTA_BINARY_PACKED if kind != Type::BYTE_ARRAY => {
                Ok(Self::Deltas(Deltas::new(page, at)?))
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY if kind == Type::BYTE_ARRAY => {
                let lengths = Deltas::new(page, at)?;
                let end = lengths.end(page)?;
                Ok(Self::Lengths(lengths, end))
            }
            _ => Err("its values are not of its type"),
        }
    }

    fn next<'a>(
        &mut self,
        page: &'a [u8],
        kind: Type,
        dictionary: &'a Dictionary,
    ) -> Result<Value<'a>, &'static str> {
        match self {
            Self::Plain(at) if kind == Type::BYTE_ARRAY => {
                page.get(plain_bytes(page, at)?).map(Value::Bytes).ok_or(ENDS)
            }
            Self::Plain(at) => plain_whole(page, at, kind).map(Value::Whole),
            Self::Indices(indices) => {
                let index = indices.next(page)?;
                dictionary.get(index, kind).ok_or("it has a value that its dictionary lacks")
            }
            Self::Deltas(deltas) => {
                let number = deltas.next(page)?;
                // Those of 32 bits run over as such.
                Ok(Value::Whole(if kind == Type::INT32 {
                    i64::from(number as i32)
                } else {
                    number
                }))
            }
            Self::Lengths(lengths, at) => {
                let length = usize::try_from(lengths.next(page)?).map_err(|_| ENDS)?;
                let bytes = page.get(*at..).and_then(|rest| rest.get(..length)).ok_or(ENDS)?;
                *at += length;
                Ok(Value::Bytes(bytes))
            }
        }
    }
}

/// Where the bytes of a value are whose length stands at `at`.
fn plain_bytes(page: &[u8], at: &mut usize) -> Result<Range<usize>, &'static str> {
    let length = page.get(*at..).and_then(|rest| rest.first_chunk()).ok_or(ENDS)?;
    let start = *at + 4;
    let end = start.checked_add(u32::from_le_bytes(*length) as usize);
    *at = end.filter(|end| *end <= page.len()).ok_or(ENDS)?;
    Ok(start..*at)
}

fn plain_whole(page: &[u8], at: &mut usize, kind: Type) -> Result<i64, &'static str> {
    let rest = page.get(*at..).ok_or(ENDS)?;
    let (number, bytes) = match kind {
        Type::INT32 => (
            rest.first_chunk().map(|bytes| i64::from(i32::from_le_bytes(*bytes))),
            size_of::<i32>(),
        ),
        _ => (rest.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)), size_of::<i64>()),
    };
    *at += bytes;
    number.ok_or(ENDS)
}

#[cfg(test)]
mod tests {
    use super::{super::schema::Meaning, *};

    #[test]
    fn differences_run_over_in_the_bits_of_their_type() {
        // The largest number of 32 bits, and one more.
        let page = [128, 1, 4, 2, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 2, 0, 0, 0, 0];
        let second = |kind| {
            let (path, meaning) = (vec!["label".into()], Meaning::Whole);
            let leaf = Leaf { path, kind, meaning, level: 0, is_list: false, index: 0 };
            let encoding = Encoding::DELTA_BINARY_PACKED;
            let mut page = Page::new(page.to_vec(), 2, 0..0, encoding, &leaf).unwrap();
            let nothing = Dictionary::default();
            assert_eq!(page.next(&nothing), Ok(Value::Whole(i64::from(i32::MAX))));
            let Ok(Value::Whole(number)) = page.next(&nothing) else { panic!("no number") };
            number
        };
        assert_eq!(second(Type::INT32), i64::from(i32::MIN));
        assert_eq!(second(Type::INT64), 1 << 31);
    }
}
