//! Whole numbers as differences, packed in blocks
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>, "DELTA_BINARY_PACKED").

use super::levels::{bits, varint};

/// Numbers that end before all are read.
const ENDS: &str = "its differences end too soon";

/// The numbers, which are read one by one.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    /// Where the next block or the next part of one begins.
    at: usize,
    /// Parts of a block, and numbers in one.
    parts: usize,
    per_part: usize,
    /// Numbers that are still to come.
    left: u64,
    number: i64,
    /// Whether the first number, which stands in the header, has been given.
    is_begun: bool,
    block: Block,
}

/// The block that is being read.
#[derive(Debug, Clone, Default)]
struct Block {
    smallest: i64,
    /// Where the bits of each part's numbers stand, and which part is next.
    widths: usize,
    next: usize,
    /// The part that is being read.
    width: u32,
    bit: usize,
    in_part: usize,
}

impl Deltas {
    /// Numbers whose header stands at `at`.
    pub fn new(page: &[u8], mut at: usize) -> Result<Self, &'static str> {
        let mut number = || varint(page, &mut at).ok_or(ENDS);
        let (size, parts, left, first) = (number()?, number()?, number()?, number()?);
        // The format has multiples of 128 and 32; larger ones than these would be of no use.
        let is_usual = (1..=1 << 20).contains(&size) && (1..=size).contains(&parts);
        if !is_usual || size % parts != 0 || !(size / parts).is_multiple_of(8) {
            return Err("its differences are in blocks of a size that there is not");
        }
        let (parts, per_part) = (parts as usize, (size / parts) as usize);
        // Without a block yet: the next one is read before the next number.
        let block = Block { next: parts, ..Block::default() };
        Ok(Self { at, parts, per_part, left, number: unzigzag(first), is_begun: false, block })
    }

    /// The next number.
    pub fn next(&mut self, page: &[u8]) -> Result<i64, &'static str> {
        self.left = self.left.checked_sub(1).ok_or(ENDS)?;
        if !self.is_begun {
            self.is_begun = true;
            return Ok(self.number);
        }
        if self.block.in_part == 0 {
            self.next_part(page)?;
        }
        let block = &mut self.block;
        let more = bits(page, block.bit, block.width).ok_or(ENDS)?;
        block.bit += block.width as usize;
        block.in_part -= 1;
        // The format lets differences run over.
        self.number = self.number.wrapping_add(block.smallest).wrapping_add(more as i64);
        Ok(self.number)
    }

    /// Begins the next part, and the next block where one ends.
    fn next_part(&mut self, page: &[u8]) -> Result<(), &'static str> {
        if self.block.next == self.parts {
            let smallest = unzigzag(varint(page, &mut self.at).ok_or(ENDS)?);
            self.block = Block { smallest, widths: self.at, ..Block::default() };
            self.at += self.parts;
        }
        let width = *page.get(self.block.widths + self.block.next).ok_or(ENDS)?;
        if width > 64 {
            return Err("it has differences of more than 64 bits");
        }
        self.block.next += 1;
        self.block.width = u32::from(width);
        self.block.bit = self.at * 8;
        self.block.in_part = self.per_part;
        self.at += usize::from(width) * self.per_part / 8;
        Ok(())
    }

    /// Where what follows all the numbers begins.
    pub fn end(&self, page: &[u8]) -> Result<usize, &'static str> {
        let mut rest = self.clone();
        rest.left = rest.left.saturating_sub(1);
        while rest.left > 0 {
            rest.next_part(page)?;
            rest.left = rest.left.saturating_sub(rest.per_part as u64);
        }
        (rest.at <= page.len()).then_some(rest.at).ok_or(ENDS)
    }
}

/// Numbers without a sign stand for those with one: 0, -1, 1, -2 and so on.
fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_read_as_the_format_writes_them() {
        // The examples of the format: 1 to 5, and 7, 5, 3, 1, 2, 3, 4, 5 with differences from -2.
        let page = [128, 1, 4, 5, 2, 2, 0, 0, 0, 0];
        let mut deltas = Deltas::new(&page, 0).unwrap();
        assert_eq!(deltas.end(&page), Ok(page.len()));
        let numbers: Vec<_> = (0..5).map(|_| deltas.next(&page).unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert_eq!(deltas.next(&page), Err(ENDS));
        let mut page = vec![128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111];
        page.extend([0; 6]);
        let mut deltas = Deltas::new(&page, 0).unwrap();
        assert_eq!(deltas.end(&page), Ok(page.len()));
        let numbers: Vec<_> = (0..8).map(|_| deltas.next(&page).unwrap()).collect();
        assert_eq!(numbers, [7, 5, 3, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn one_number_has_no_block() {
        // 3, and nothing behind it.
        let page = [128, 1, 4, 1, 6];
        let mut deltas = Deltas::new(&page, 0).unwrap();
        assert_eq!(deltas.end(&page), Ok(page.len()));
        assert_eq!(deltas.next(&page), Ok(3));
    }

    #[test]
    fn blocks_of_no_size_are_refused() {
        for header in [[0, 1, 1, 1], [8, 0, 1, 1], [8, 9, 1, 1], [24, 7, 1, 1], [4, 1, 1, 1]] {
            assert!(Deltas::new(&header, 0).is_err(), "{header:?}");
        }
        assert_eq!(Deltas::new(&[128, 1, 4], 0).unwrap_err(), ENDS);
    }
}
