//! Under which name something stands in the pickle of a file, told without making anything of it.

use std::{borrow::Cow, collections::HashMap, io::Read, path::Path};

use super::pytorch::LARGEST_PICKLE;
use crate::regular;

/// The name under which the file at `path` first has what Python calls `class`, with dots between the keys of nested
/// dictionaries, as far as the order of the pickle's opcodes tells it.
pub fn name_of(path: &Path, class: &str) -> Option<String> {
    let pickle = pickle(path)?;
    let mut walk = Walk::new(&pickle);
    loop {
        match walk.step()? {
            Seen::Class(module, name) if class == format!("{module}.{name}") => return walk.name(),
            seen => walk.push(seen),
        }
    }
}

/// The bytes that the pickle is among.
fn pickle(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = regular::open(path).ok()?;
    match zip::ZipArchive::new(file) {
        Ok(mut archive) => {
            let is_pickle = |name: &Cow<'_, str>| name.ends_with("data.pkl");
            let name = archive.file_names().filter_map(Result::ok).find(is_pickle)?.into_owned();
            let entry = archive.by_name(&name).ok()?;
            entry.take(LARGEST_PICKLE).read_to_end(&mut bytes).ok()?;
        }
        Err(_) => {
            let file = regular::open(path).ok()?;
            file.take(LARGEST_PICKLE).read_to_end(&mut bytes).ok()?;
        }
    }
    Some(bytes)
}

/// What an opcode puts on the stack, as far as it matters here.
#[derive(Debug, Clone, Copy)]
enum Seen<'a> {
    Text(&'a str),
    Number(u32),
    /// With its module.
    Class(&'a str, &'a str),
    Other,
    Nothing,
}

/// What lies above a mark, or below all.
#[derive(Debug)]
struct Frame<'a> {
    /// The last texts and numbers, of which the very last is the key of what comes next.
    keys: [Seen<'a>; 3],
    /// Whether a function or class is there that was not called yet, so that its arguments come next.
    calls: bool,
}

impl Frame<'_> {
    const EMPTY: Self = Self { keys: [Seen::Nothing; 3], calls: false };
}

struct Walk<'a> {
    rest: &'a [u8],
    frames: Vec<Frame<'a>>,
    memo: HashMap<u32, Seen<'a>>,
    last: Seen<'a>,
}

impl<'a> Walk<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, frames: vec![Frame::EMPTY], memo: HashMap::new(), last: Seen::Other }
    }

    /// What the next opcode puts on the stack; `None` at the end, and for opcodes that PyTorch does not write.
    fn step(&mut self) -> Option<Seen<'a>> {
        let [opcode] = self.fixed()?;
        Some(match opcode {
            b'(' => self.opened(),
            b'.' => self.ended(),
            b't' | b'l' | b'd' | 0x91 => self.closed(Seen::Other)?,
            b'u' | b'e' | b'1' | 0x90 => self.closed(Seen::Nothing)?,
            b'q' | b'r' | 0x94 => self.remembered(opcode)?,
            b'h' | b'j' => {
                let key = self.key(opcode)?;
                self.memo.get(&key).copied().unwrap_or(Seen::Other)
            }
            b'X' | b'T' => self.text::<4>()?,
            0x8c | b'U' => self.text::<1>()?,
            0x8d => self.text::<8>()?,
            b'K' => Seen::Number(u8::from_le_bytes(self.fixed()?).into()),
            b'M' => Seen::Number(u16::from_le_bytes(self.fixed()?).into()),
            b'J' => Seen::Number(u32::from_le_bytes(self.fixed()?)),
            b'c' => Seen::Class(self.line()?, self.line()?),
            0x93 => self.class()?,
            b'R' | b'b' | 0x81 | 0x92 => {
                self.frames.last_mut()?.calls = false;
                Seen::Other
            }
            b'I' | b'L' | b'F' | b'S' | b'V' | b'g' | b'p' | b'P' | b'i' | b'o' => return None,
            other => self.skipped(other)?,
        })
    }

    fn push(&mut self, seen: Seen<'a>) {
        let Some(frame) = self.frames.last_mut() else { return };
        match seen {
            Seen::Text(_) | Seen::Number(_) => frame.keys = [frame.keys[1], frame.keys[2], seen],
            Seen::Class(..) => frame.calls = true,
            Seen::Other => {}
            Seen::Nothing => return,
        }
        self.last = seen;
    }

    /// Where the walk is: the keys on the way, up to those of arguments.
    fn name(&self) -> Option<String> {
        let calling = self.frames.iter().position(|frame| frame.calls);
        let frames = &self.frames[..calling.map_or(self.frames.len(), |at| at + 1)];
        let keys = frames.iter().filter_map(|frame| match frame.keys[2] {
            Seen::Text(text) => Some(text.to_owned()),
            Seen::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let keys: Vec<String> = keys.collect();
        (!keys.is_empty()).then(|| keys.join("."))
    }

    fn opened(&mut self) -> Seen<'a> {
        self.frames.push(Frame::EMPTY);
        Seen::Nothing
    }

    fn closed(&mut self, into: Seen<'a>) -> Option<Seen<'a>> {
        self.frames.pop().filter(|_| !self.frames.is_empty())?;
        Some(into)
    }

    /// A file of PyTorch before 1.6 is several pickles.
    fn ended(&mut self) -> Seen<'a> {
        *self = Self::new(self.rest);
        Seen::Nothing
    }

    fn remembered(&mut self, opcode: u8) -> Option<Seen<'a>> {
        let key = if opcode == 0x94 { self.memo.len() as u32 } else { self.key(opcode)? };
        self.memo.insert(key, self.last);
        Some(Seen::Nothing)
    }

    /// A class whose module and name were put on the stack.
    fn class(&mut self) -> Option<Seen<'a>> {
        let frame = self.frames.last_mut()?;
        let [key, Seen::Text(module), Seen::Text(name)] = frame.keys else { return None };
        frame.keys = [Seen::Nothing, Seen::Nothing, key];
        Some(Seen::Class(module, name))
    }

    /// Passes over what follows an opcode that makes something else.
    fn skipped(&mut self, opcode: u8) -> Option<Seen<'a>> {
        let length = match opcode {
            0x80 => 1,
            0x95 | b'G' => 8,
            b'C' | 0x8a => self.length::<1>()?,
            b'B' | 0x8b => self.length::<4>()?,
            0x8e | 0x96 => self.length::<8>()?,
            _ => 0,
        };
        self.take(length)?;
        Some(Seen::Other)
    }

    fn key(&mut self, opcode: u8) -> Option<u32> {
        match opcode {
            b'h' | b'q' => self.fixed().map(|[key]| key.into()),
            _ => self.fixed().map(u32::from_le_bytes),
        }
    }

    fn text<const WIDTH: usize>(&mut self) -> Option<Seen<'a>> {
        let length = self.length::<WIDTH>()?;
        std::str::from_utf8(self.take(length)?).ok().map(Seen::Text)
    }

    fn line(&mut self) -> Option<&'a str> {
        let length = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).ok()
    }

    fn length<const WIDTH: usize>(&mut self) -> Option<usize> {
        let mut length = [0; 8];
        length[..WIDTH].copy_from_slice(&self.fixed::<WIDTH>()?);
        usize::try_from(u64::from_le_bytes(length)).ok()
    }

    fn fixed<const SIZE: usize>(&mut self) -> Option<[u8; SIZE]> {
        self.take(SIZE)?.first_chunk().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}
