//! Chance from a seed, and what it does to bytes.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Of the case `number` of a campaign; no two share their numbers.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed);
        let mixed = chance.next() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Self(mixed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`, or 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end as u64).max(1)) as usize
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Inverts one bit.
pub fn flip(bytes: &mut [u8], chance: &mut Chance) {
    if !bytes.is_empty() {
        let place = chance.below(bytes.len());
        bytes[place] ^= 1 << chance.below(8);
    }
}

/// Damages `bytes` in one to four ways.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..=chance.below(4) {
        damage(&mut mutant, chance);
    }
    mutant
}

fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(bytes.len());
    // Heads say most.
    let at = if chance.below(2) == 0 { at } else { at.min(chance.below(200)) };
    let length = match chance.below(3) {
        0 => 1 + chance.below(4),
        1 => 1 + chance.below(64),
        _ => 1 + chance.below(bytes.len()),
    };
    let end = (at + length).min(bytes.len());
    match chance.below(9) {
        0 | 1 => flip(bytes, chance),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let new: Vec<u8> = (0..length.min(300)).map(|_| chance.next() as u8).collect();
            drop(bytes.splice(at..at, new));
        }
        5 => {
            let block = bytes[at..end].to_vec();
            let to = chance.below(bytes.len());
            drop(bytes.splice(to..to, block));
        }
        6 => number(bytes, at, chance),
        7 => digits(bytes, at, chance),
        _ => {
            let byte = chance.one_of(&[0, 1, 0x20, 0x22, 0x2c, 0x7f, 0x80, 0xff]);
            bytes[at..end.min(at + 8)].fill(byte);
        }
    }
}

/// Another number where a binary file may have a length.
fn number(bytes: &mut [u8], at: usize, chance: &mut Chance) {
    let values =
        [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    let value = chance.one_of(&values).wrapping_sub(chance.below(3) as u64);
    let width = chance.one_of(&[1, 2, 4, 8]);
    let bytes = &mut bytes[at..];
    let width = width.min(bytes.len());
    match chance.below(2) {
        0 => bytes[..width].copy_from_slice(&value.to_le_bytes()[..width]),
        _ => bytes[..width].copy_from_slice(&value.to_be_bytes()[8 - width..]),
    }
}

/// Another number where a text has one, at or behind `at`.
fn digits(bytes: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    let Some(begin) = bytes[at..].iter().position(u8::is_ascii_digit) else { return };
    let begin = at + begin;
    let count = bytes[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let values = ["", "0", "-1", "1e999", "4294967296", "18446744073709551615", "0.5", "99999999"];
    drop(bytes.splice(begin..begin + count, chance.one_of(&values).bytes()));
}
