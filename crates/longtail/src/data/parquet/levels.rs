//! Small numbers in runs: levels, which say whether a value is there, and places in a dictionary
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>, "RLE").

/// Numbers that end before all are read.
const ENDS: &str = "its levels or places end too soon";

/// Runs of one number, and numbers packed bit by bit, in turn.
#[derive(Debug)]
pub(super) struct Runs {
    at: usize,
    end: usize,
    /// Bits of a number.
    width: u32,
    run: Run,
}

#[derive(Debug)]
enum Run {
    Repeated {
        number: u32,
        left: u32,
    },
    Packed {
        /// Where the next number begins.
        bit: usize,
        left: usize,
    },
}

impl Runs {
    /// Numbers of `width` bits that lie in the bytes from `at` to `end` of a page.
    pub fn new(at: usize, end: usize, width: u32) -> Result<Self, &'static str> {
        match width {
            0..=32 => Ok(Self { at, end, width, run: Run::Repeated { number: 0, left: 0 } }),
            _ => Err("it has numbers of more than 32 bits"),
        }
    }

    /// The next number.
    pub fn next(&mut self, page: &[u8]) -> Result<u32, &'static str> {
        loop {
            match &mut self.run {
                Run::Repeated { number, left } if *left > 0 => {
                    *left -= 1;
                    return Ok(*number);
                }
                Run::Packed { bit, left } if *left > 0 => {
                    let number = bits(page, *bit, self.width).ok_or(ENDS)?;
                    *left -= 1;
                    *bit += self.width as usize;
                    return Ok(number as u32);
                }
                _ => self.run = self.next_run(page)?,
            }
        }
    }

    fn next_run(&mut self, page: &[u8]) -> Result<Run, &'static str> {
        let page = page.get(..self.end).ok_or(ENDS)?;
        let header = varint(page, &mut self.at).ok_or(ENDS)?;
        let count = u32::try_from(header >> 1).map_err(|_| "it has a run that is too long")?;
        if header & 1 == 0 {
            let bytes = self.width.div_ceil(8) as usize;
            let number = little_endian(page, self.at, bytes).ok_or(ENDS)?;
            self.at += bytes;
            return Ok(Run::Repeated { number, left: count });
        }
        // Eight numbers a group; some writers leave out those of the last that there are none of.
        let bit = self.at * 8;
        let bytes = u64::from(count) * u64::from(self.width);
        self.at += (page.len() - self.at).min(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(Run::Packed { bit, left: (count as usize).saturating_mul(8) })
    }
}

/// A number of `bytes` bytes, of which there are four at most.
fn little_endian(page: &[u8], at: usize, bytes: usize) -> Option<u32> {
    let bytes = page.get(at..)?.get(..bytes)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// A number of `width` bits, of which there are 64 at most; the low bits come first.
pub(super) fn bits(page: &[u8], bit: usize, width: u32) -> Option<u64> {
    if width == 0 {
        return Some(0);
    }
    let last = bit.checked_add(width as usize - 1)? / 8;
    let bytes = page.get(bit / 8..=last)?;
    let all = bytes.iter().rev().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mask = u64::MAX >> (64 - width);
    Some((all >> (bit % 8)) as u64 & mask)
}

/// A number of seven bits a byte, the low ones first.
pub(super) fn varint(page: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *page.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Bits that hold numbers up to `largest`.
pub(super) fn width_of(largest: u32) -> u32 {
    u32::BITS - largest.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(page: &[u8], width: u32, count: usize) -> Result<Vec<u32>, &'static str> {
        let mut runs = Runs::new(0, page.len(), width)?;
        (0..count).map(|_| runs.next(page)).collect()
    }

    #[test]
    fn runs_are_read_as_the_format_writes_them() {
        // The example of the format: 0 to 7 in three bits each.
        let packed = [0x03, 0x88, 0xC6, 0xFA];
        assert_eq!(all(&packed, 3, 8), Ok((0..8).collect()));
        // Five times 300, then eight numbers of ten bits.
        let page = [10, 0x2C, 0x01, 3, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0xFF];
        assert_eq!(all(&page, 10, 13).unwrap()[..8], [300, 300, 300, 300, 300, 1, 1, 0]);
        assert_eq!(all(&page, 10, 13).unwrap()[12], 0x3FC);
        assert_eq!(all(&page, 10, 14), Err(ENDS));
        assert_eq!(all(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 0, 3), Ok(vec![0; 3]));
        assert!(all(&[0xFF; 11], 1, 1).is_err());
        assert!(Runs::new(0, 0, 33).is_err());
    }

    #[test]
    fn widths_hold_their_largest_number() {
        assert_eq!([0, 1, 2, 3, 4, 255].map(width_of), [0, 1, 2, 2, 3, 8]);
        assert_eq!(bits(&[0xFF; 9], 7, 64), Some(u64::MAX));
        assert_eq!(bits(&[0xFF; 8], 7, 64), None);
    }
}
