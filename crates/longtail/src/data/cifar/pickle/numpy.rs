//! The few functions that a pickle may name, and what they make.

use std::borrow::Cow;

use super::{Filled, Id, Node, Order, PickleError, machine::Machine};

/// What a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `numpy.ndarray`.
    Array,
    /// `numpy.dtype`.
    Type,
    /// Makes an empty array, which `__setstate__` fills.
    Reconstruct,
    /// Makes an array of a buffer (protocol 5).
    FromBuffer,
    /// Makes bytes of a string: how Python 3 writes bytes in protocol 2.
    Encode,
}

/// The dimensions of an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    sizes: [usize; Self::MOST],
    count: usize,
}

impl Global {
    /// NumPy 2 calls `numpy.core` `numpy._core`.
    fn of(module: &[u8], name: &[u8]) -> Option<Self> {
        Some(match (module, name) {
            (b"numpy", b"ndarray") => Self::Array,
            (b"numpy", b"dtype") => Self::Type,
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => {
                Self::Reconstruct
            }
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Self::FromBuffer,
            (b"_codecs", b"encode") => Self::Encode,
            _ => return None,
        })
    }
}

impl Shape {
    /// Images have four at most.
    const MOST: usize = 4;

    pub(super) fn dimensions(&self) -> &[usize] {
        &self.sizes[..self.count]
    }

    fn bytes(&self) -> Option<usize> {
        self.dimensions().iter().try_fold(1_usize, |bytes, size| bytes.checked_mul(*size))
    }
}

impl<'a> Machine<'a> {
    /// Names a function or a class, calls it, or fills what it made.
    pub(super) fn object(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)
            }
            b'R' => self.call(),
            b'b' => self.set_state(),
            _ => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.node(module), self.node(name)) {
                    (&Node::Text(module), &Node::Text(name)) => {
                        self.global(module.as_bytes(), name.as_bytes())
                    }
                    _ => Err(self.damaged("it names something by no string")),
                }
            }
        }
    }

    fn global(&mut self, module: &[u8], name: &[u8]) -> Result<(), PickleError> {
        match Global::of(module, name) {
            Some(global) => self.push(Node::Global(global)),
            None => {
                return Err(PickleError::Refused(format!("{}.{}", shown(module), shown(name))));
            }
        }
        Ok(())
    }

    fn call(&mut self) -> Result<(), PickleError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Node::Global(function) = *self.node(function) else {
            return Err(self.damaged("it calls what is no function"));
        };
        let Node::Tuple(arguments) = self.node(arguments) else {
            return Err(self.damaged("a function has no arguments"));
        };
        let made = match (function, &arguments[..]) {
            (Global::Reconstruct, &[class, _, _]) if self.is_global(class, Global::Array) => {
                Node::Array(None)
            }
            (Global::Type, &[code, ..]) => self.byte_type(code)?,
            (Global::FromBuffer, &[bytes, of, shape, order]) => {
                let order = self.order(order)?;
                self.filled(shape, of, order, bytes)?
            }
            (Global::Encode, &[text, codec]) => self.encode(text, codec)?,
            _ => return Err(self.damaged("a function has other arguments than it takes")),
        };
        self.push(made);
        Ok(())
    }

    fn set_state(&mut self) -> Result<(), PickleError> {
        let (state, target) = (self.pop()?, self.top()?);
        let Node::Tuple(state) = self.node(state) else {
            return Err(self.damaged("an object has no state"));
        };
        match (self.node(target), &state[..]) {
            // Version, byte order, no parts, no names, no fields: nothing that matters to bytes.
            (Node::ByteType, &[_, _, parts, names, fields, ..])
                if [parts, names, fields].map(|id| self.is_none(id)) == [true; 3] =>
            {
                Ok(())
            }
            (Node::Array(None), &[_, shape, of, fortran, bytes]) => {
                let order = self.order(fortran)?;
                let array = self.filled(shape, of, order, bytes)?;
                self.nodes[target.0 as usize] = array;
                Ok(())
            }
            _ => Err(self.damaged("an object has another state than NumPy gives it")),
        }
    }

    fn byte_type(&self, code: Id) -> Result<Node<'a>, PickleError> {
        let code = self.string(code).ok_or_else(|| self.damaged("a type has no name"))?;
        match code {
            b"u1" | b"|u1" | b"B" | b"uint8" => Ok(Node::ByteType),
            other => Err(PickleError::Refused(format!(
                "NumPy's type {} (only bytes, u1, are read)",
                shown(other)
            ))),
        }
    }

    fn order(&self, order: Id) -> Result<Order, PickleError> {
        match self.node(order) {
            Node::Bool(false) | Node::Int(0) | Node::Text("C") => Ok(Order::C),
            Node::Bool(true) | Node::Int(1) | Node::Text("F") => Ok(Order::Fortran),
            _ => Err(self.damaged("an array has no order")),
        }
    }

    fn filled(&self, shape: Id, of: Id, order: Order, bytes: Id) -> Result<Node<'a>, PickleError> {
        let shape = self.shape(shape).ok_or_else(|| self.damaged("an array has no shape"))?;
        let Node::ByteType = self.node(of) else {
            return Err(self.damaged("an array has no type"));
        };
        match self.node(bytes) {
            Node::Bytes(content) if shape.bytes() == Some(content.len()) => {
                Ok(Node::Array(Some(Box::new(Filled { shape, order, bytes }))))
            }
            _ => Err(self.damaged("an array has not as many bytes as its shape says")),
        }
    }

    fn shape(&self, shape: Id) -> Option<Shape> {
        let Node::Tuple(sizes) = self.node(shape) else { return None };
        let mut shape = Shape { sizes: [0; Shape::MOST], count: sizes.len() };
        let room = shape.sizes.get_mut(..sizes.len())?;
        for (room, &size) in room.iter_mut().zip(sizes) {
            let Node::Int(size) = self.node(size) else { return None };
            *room = usize::try_from(*size).ok()?;
        }
        Some(shape)
    }

    /// Every character of a string as one byte.
    fn encode(&mut self, text: Id, codec: Id) -> Result<Node<'a>, PickleError> {
        let (&Node::Text(text), Some(b"latin1")) = (self.node(text), self.string(codec)) else {
            return Err(self.damaged("it encodes no string, or not as latin1"));
        };
        // Python writes every string that becomes bytes for itself. One that became bytes again and
        // again would take memory that no size in the file accounts for.
        self.made += text.len();
        if self.made > self.input.len() {
            return Err(self.damaged("it makes more bytes than it has"));
        }
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        let bytes = bytes.map_err(|_| self.damaged("a string is not latin1"))?;
        Ok(Node::Bytes(Cow::Owned(bytes)))
    }

    fn string(&self, id: Id) -> Option<&[u8]> {
        match self.node(id) {
            Node::Bytes(bytes) => Some(bytes),
            Node::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn is_none(&self, id: Id) -> bool {
        matches!(self.node(id), Node::None)
    }

    fn is_global(&self, id: Id, global: Global) -> bool {
        matches!(self.node(id), Node::Global(found) if *found == global)
    }
}

/// The beginning of a name, without what controls a terminal.
fn shown(name: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(&name[..name.len().min(MOST)]);
    text.escape_debug().collect()
}
