//! The stack machine that a pickle is a program for.

use std::collections::HashMap;

use super::{Id, Node, Pickle, PickleError};

/// Most opcodes of a pickle; 50,000 images of CIFAR-100 take about 200,000.
const LIMIT: usize = 1 << 22;

pub(super) struct Machine<'a> {
    pub(super) input: &'a [u8],
    /// Where the opcode begins that is carried out.
    at: usize,
    next: usize,
    pub(super) nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at every mark that is open.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// How many bytes of the values are no slices of the input.
    pub(super) made: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        let (nodes, stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Self { input, at: 0, next: 0, nodes, stack, marks, memo, made: 0 }
    }

    pub(super) fn run(mut self) -> Result<Pickle<'a>, PickleError> {
        let [0x80, 2..=5, ..] = self.input else { return Err(PickleError::NoPickle) };
        for _ in 0..LIMIT {
            self.at = self.next;
            match self.byte()? {
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle { nodes: self.nodes, root });
                }
                opcode => self.step(opcode)?,
            }
        }
        Err(PickleError::TooLarge(LIMIT))
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            0x80 => drop(self.byte()?),                // PROTO
            0x95 => drop(self.size::<8>()?),           // FRAME
            b'(' => self.marks.push(self.stack.len()), // MARK
            b'0' => self.discard()?,                   // POP
            b'1' => drop(self.above_mark()?),          // POP_MARK
            b'2' => self.stack.push(self.top()?),      // DUP
            b'h' | b'j' | b'q' | b'r' | 0x94 => self.memo(opcode)?,
            b'a' | b'e' | b's' | b'u' => self.fill(opcode)?,
            b'c' | 0x93 | b'R' | b'b' => self.object(opcode)?,
            _ => {
                let node = self.value(opcode)?;
                self.push(node);
            }
        }
        Ok(())
    }

    /// The value that an opcode makes of itself, of what follows it or of the stack.
    fn value(&mut self, opcode: u8) -> Result<Node<'a>, PickleError> {
        Ok(match opcode {
            b'N' => Node::None,
            0x88 | 0x89 => Node::Bool(opcode == 0x88), // NEWTRUE, NEWFALSE
            b'K' => Node::Int(self.byte()?.into()),    // BININT1
            b'M' => Node::Int(u16::from_le_bytes(self.fixed()?).into()), // BININT2
            b'J' => Node::Int(i32::from_le_bytes(self.fixed()?).into()), // BININT
            b'I' => self.int()?,                       // INT
            0x8a => self.long::<1>()?,                 // LONG1
            0x8b => self.long::<4>()?,                 // LONG4
            b'G' => self.take(8).map(|_| Node::Number)?, // BINFLOAT
            b'X' => self.text::<4>()?,                 // BINUNICODE
            0x8c => self.text::<1>()?,                 // SHORT_BINUNICODE
            0x8d => self.text::<8>()?,                 // BINUNICODE8
            b'U' | b'C' => self.bytes::<1>()?,         // SHORT_BINSTRING, SHORT_BINBYTES
            b'T' | b'B' => self.bytes::<4>()?,         // BINSTRING, BINBYTES
            0x8e | 0x96 => self.bytes::<8>()?,         // BINBYTES8, BYTEARRAY8
            b']' => Node::List(Vec::new()),
            b'}' => Node::Dict(Vec::new()),
            b')' => Node::Tuple(Vec::new()),
            b'l' => Node::List(self.above_mark()?),  // LIST
            b't' => Node::Tuple(self.above_mark()?), // TUPLE
            b'd' => Node::Dict(self.pairs()?),       // DICT
            0x85..=0x87 => Node::Tuple(self.pop_many(usize::from(opcode - 0x84))?), // TUPLE1 to 3
            other => return Err(self.refused_opcode(other)),
        })
    }

    fn refused_opcode(&self, opcode: u8) -> PickleError {
        let what = match opcode {
            b'i' | b'o' | 0x81 | 0x92 => "an object of a class",
            b'P' | b'Q' => "a persistent object",
            0x82..=0x84 => "the extension registry",
            0x8f..=0x91 => "a set",
            0x97 | 0x98 => "a buffer that is not in the file",
            b'F' | b'L' | b'S' | b'V' | b'g' | b'p' => {
                return self.damaged("it is of protocol 0 or 1, and 2 to 5 are read");
            }
            _ => return self.damaged("there is no such opcode"),
        };
        PickleError::Refused(what.into())
    }

    fn memo(&mut self, opcode: u8) -> Result<(), PickleError> {
        let key = match opcode {
            b'h' | b'q' => self.byte()?.into(),
            b'j' | b'r' => u32::from_le_bytes(self.fixed()?),
            _ => self.memo.len() as u32,
        };
        match opcode {
            b'h' | b'j' => {
                let id = self.memo.get(&key).copied();
                self.stack.push(id.ok_or_else(|| self.damaged("it refers to nothing"))?);
            }
            _ => drop(self.memo.insert(key, self.top()?)),
        }
        Ok(())
    }

    /// Adds to a list or a dict.
    fn fill(&mut self, opcode: u8) -> Result<(), PickleError> {
        let items = match opcode {
            b'a' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.above_mark()?,
        };
        let target = self.top()?;
        match (opcode, &mut self.nodes[target.0 as usize]) {
            (b'a' | b'e', Node::List(list)) => list.extend(items),
            (b's' | b'u', Node::Dict(pairs)) if items.len().is_multiple_of(2) => {
                pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err(self.damaged("it adds to what is no list and no dict")),
        }
        Ok(())
    }

    fn pairs(&mut self) -> Result<Vec<(Id, Id)>, PickleError> {
        let items = self.above_mark()?;
        match items.len().is_multiple_of(2) {
            true => Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
            false => Err(self.damaged("a key has no value")),
        }
    }

    /// A number in words, as Python 2 writes those of more than 32 bits in protocol 2 too.
    fn int(&mut self) -> Result<Node<'a>, PickleError> {
        match self.line()? {
            b"00" => Ok(Node::Bool(false)),
            b"01" => Ok(Node::Bool(true)),
            line => {
                let number = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok());
                number.map(Node::Int).ok_or_else(|| self.damaged("a number is none"))
            }
        }
    }

    /// A whole number of any size; those of more than 64 bits are no labels or sizes.
    fn long<const WIDTH: usize>(&mut self) -> Result<Node<'a>, PickleError> {
        let size = self.size::<WIDTH>()?;
        let bytes = self.take(size)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut number = [if negative { 0xff } else { 0 }; 8];
        match number.get_mut(..bytes.len()) {
            Some(low) => low.copy_from_slice(bytes),
            None => return Ok(Node::Number),
        }
        Ok(Node::Int(i64::from_le_bytes(number)))
    }

    fn text<const WIDTH: usize>(&mut self) -> Result<Node<'a>, PickleError> {
        let size = self.size::<WIDTH>()?;
        let bytes = self.take(size)?;
        let text = std::str::from_utf8(bytes);
        text.map(Node::Text).map_err(|_| self.damaged("a string is no UTF-8"))
    }

    fn bytes<const WIDTH: usize>(&mut self) -> Result<Node<'a>, PickleError> {
        let size = self.size::<WIDTH>()?;
        self.take(size).map(|bytes| Node::Bytes(bytes.into()))
    }

    // The input.

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn fixed<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], PickleError> {
        let bytes = self.input[self.next..].first_chunk().ok_or(PickleError::Truncated)?;
        self.next += SIZE;
        Ok(*bytes)
    }

    /// A size of `WIDTH` bytes.
    fn size<const WIDTH: usize>(&mut self) -> Result<usize, PickleError> {
        let mut size = [0; 8];
        size[..WIDTH].copy_from_slice(&self.fixed::<WIDTH>()?);
        usize::try_from(u64::from_le_bytes(size)).map_err(|_| PickleError::Truncated)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], PickleError> {
        let bytes = self.input[self.next..].get(..size).ok_or(PickleError::Truncated)?;
        self.next += size;
        Ok(bytes)
    }

    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = &self.input[self.next..];
        let size = rest.iter().position(|&byte| byte == b'\n').ok_or(PickleError::Truncated)?;
        self.next += size + 1;
        Ok(&rest[..size])
    }

    // The stack.

    pub(super) fn push(&mut self, node: Node<'a>) {
        self.stack.push(Id(self.nodes.len() as u32));
        self.nodes.push(node);
    }

    pub(super) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn pop(&mut self) -> Result<Id, PickleError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    pub(super) fn top(&self) -> Result<Id, PickleError> {
        let open = &self.stack[self.marks.last().copied().unwrap_or(0)..];
        open.last().copied().ok_or_else(|| self.damaged("its stack is empty"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(items)
    }

    /// As in Python, the topmost mark goes where nothing lies on it.
    fn discard(&mut self) -> Result<(), PickleError> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn above_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn damaged(&self, what: &'static str) -> PickleError {
        PickleError::Damaged { at: self.at, what }
    }
}
