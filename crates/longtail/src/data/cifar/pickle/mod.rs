//! Pickles of plain data, read without running anything: lists, tuples, dicts, strings, bytes, numbers
//! and NumPy's arrays of bytes, protocols 2 to 5. Whatever else a pickle asks for is refused by name.
//!
//! Nothing is made that is not in the file: strings and bytes are slices of it, a reference costs four
//! bytes, and values lie in one list, so that neither depth nor references to references cost anything.
//! (The pickle reader of the serde family copies what is referred to, drops what NumPy's functions make,
//! and does not say what a pickle asked for.)

mod machine;
mod numpy;

use std::borrow::Cow;

use self::numpy::{Global, Shape};

/// A value of a pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Id,
}

/// A NumPy array of bytes.
#[derive(Debug, PartialEq)]
pub(super) struct Array<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) order: Order,
    /// As many as the shape says.
    pub(super) bytes: Cow<'a, [u8]>,
}

/// Which index of an array runs slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The first.
    C,
    /// The last.
    Fortran,
}

/// Why a pickle cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PickleError {
    #[error("it is no pickle of protocol 2, 3, 4 or 5")]
    NoPickle,
    #[error("the pickle ends too early")]
    Truncated,
    #[error("the pickle asks for {0}: refused")]
    Refused(String),
    #[error("the pickle has more than {0} parts")]
    TooLarge(usize),
    #[error("the pickle is damaged at byte {at}: {what}")]
    Damaged { at: usize, what: &'static str },
}

#[derive(Debug)]
enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A number that is not whole, or has more than 64 bits.
    Number,
    Bytes(Cow<'a, [u8]>),
    Text(&'a str),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// NumPy's type of bytes.
    ByteType,
    /// An array, once it has been filled.
    Array(Option<Box<Filled>>),
}

/// An array whose bytes are another value.
#[derive(Debug)]
struct Filled {
    shape: Shape,
    order: Order,
    bytes: Id,
}

impl<'a> Pickle<'a> {
    /// # Errors
    /// [`PickleError`] saying what is refused or wrong.
    pub(super) fn read(input: &'a [u8]) -> Result<Self, PickleError> {
        machine::Machine::new(input).run()
    }

    /// The value of `key` of the dict that the pickle is; keys are strings or bytes.
    pub(super) fn get(&self, key: &str) -> Option<Id> {
        let Node::Dict(pairs) = self.node(self.root) else { return None };
        // As in Python, the last of several counts.
        let found = pairs.iter().rev().find(|(name, _)| self.bytes(*name) == Some(key.as_bytes()));
        found.map(|(_, value)| *value)
    }

    /// The whole numbers of a list, a tuple or an array of bytes with one dimension.
    pub(super) fn numbers(&self, id: Id) -> Option<Vec<i64>> {
        match self.node(id) {
            Node::Array(Some(array)) if array.shape.dimensions().len() == 1 => {
                Some(self.bytes(array.bytes)?.iter().map(|&byte| byte.into()).collect())
            }
            _ => self.items(id)?.iter().map(|&item| self.number(item)).collect(),
        }
    }

    /// The strings of a list or a tuple; bytes are taken as UTF-8.
    pub(super) fn strings(&self, id: Id) -> Option<Vec<String>> {
        let string = |&item| Some(String::from_utf8_lossy(self.bytes(item)?).into_owned());
        self.items(id)?.iter().map(string).collect()
    }

    /// The array, which is empty from then on.
    pub(super) fn take_array(&mut self, id: Id) -> Option<Array<'a>> {
        let Node::Array(Some(array)) = self.node(id) else { return None };
        let (shape, order) = (array.shape.dimensions().to_vec(), array.order);
        let bytes = array.bytes.0 as usize;
        match std::mem::replace(&mut self.nodes[bytes], Node::None) {
            Node::Bytes(bytes) => Some(Array { shape, order, bytes }),
            _ => None,
        }
    }

    fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    fn number(&self, id: Id) -> Option<i64> {
        if let Node::Int(number) = self.node(id) { Some(*number) } else { None }
    }

    fn bytes(&self, id: Id) -> Option<&[u8]> {
        match self.node(id) {
            Node::Bytes(bytes) => Some(bytes),
            Node::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
