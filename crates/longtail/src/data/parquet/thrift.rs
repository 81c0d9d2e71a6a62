//! Thrift's compact protocol for files that nobody vouches for: the crate takes memory for as many entries as a
//! list says that it has, this for those that are there.

use std::{io::Read, mem::size_of};

use polars_parquet_format::thrift::{
    self,
    protocol::{
        ReadThrift, TCompactInputProtocol, TFieldIdentifier, TInputProtocol, TListIdentifier,
        TMapIdentifier, TMessageIdentifier, TSetIdentifier, TStructIdentifier,
    },
};

/// Bytes that the lists of one footer or header take in memory at most: that of a hundred thousand chunks.
const LARGEST_LISTS: usize = 128 << 20;

/// Reads one struct of at most `length` bytes.
pub(super) fn read<S: ReadThrift>(reader: impl Read, length: usize) -> Result<S, String> {
    read_within(LARGEST_LISTS, reader, length)
}

fn read_within<S: ReadThrift>(lists: usize, reader: impl Read, length: usize) -> Result<S, String> {
    // The crate counts eight bytes for an entry of a list, which may be one byte.
    let most = length.saturating_mul(8).saturating_add(1024);
    let inner = TCompactInputProtocol::new(reader.take(length as u64), most);
    let mut protocol = Bounded { inner, left: lists };
    S::read_from_in_protocol(&mut protocol).map_err(|error| match error {
        thrift::Error::Protocol(error) => error.message,
        thrift::Error::Application(error) => error.message,
        other => other.to_string(),
    })
}

/// The crate's protocol, with lists that grow as they are read.
struct Bounded<R: Read> {
    inner: TCompactInputProtocol<R>,
    /// Bytes that lists may still take.
    left: usize,
}

/// Methods that are the crate's.
macro_rules! as_they_are {
    ($($name:ident -> $what:ty),* $(,)?) => {
        $(fn $name(&mut self) -> thrift::Result<$what> {
            self.inner.$name()
        })*
    };
}

impl<R: Read> TInputProtocol for Bounded<R> {
    as_they_are! {
        read_message_begin -> TMessageIdentifier,
        read_message_end -> (),
        read_struct_begin -> Option<TStructIdentifier>,
        read_struct_end -> (),
        read_field_begin -> TFieldIdentifier,
        read_field_end -> (),
        read_bool -> bool,
        read_bytes -> Vec<u8>,
        read_i8 -> i8,
        read_i16 -> i16,
        read_i32 -> i32,
        read_i64 -> i64,
        read_double -> f64,
        read_string -> String,
        read_list_begin -> TListIdentifier,
        read_list_end -> (),
        read_set_begin -> TSetIdentifier,
        read_set_end -> (),
        read_map_begin -> TMapIdentifier,
        read_map_end -> (),
        read_byte -> u8,
    }

    fn read_list<P: ReadThrift>(&mut self) -> thrift::Result<Vec<P>> {
        let count = self.read_list_begin()?.size;
        let mut list = Vec::new();
        for _ in 0..count {
            let left = self.left.checked_sub(size_of::<P>());
            self.left = left.ok_or_else(|| thrift::Error::from("it lists too much"))?;
            list.push(P::read_from_in_protocol(self)?);
        }
        self.read_list_end()?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use polars_parquet_format::{Encoding, SizeStatistics};

    use super::*;

    #[test]
    fn lists_take_so_much_memory_and_no_more() {
        // The second field: a list of three numbers of 64 bits.
        let bytes = [0x29, 0x36, 2, 4, 6, 0];
        let read = |lists| read_within::<SizeStatistics>(lists, &bytes[..], bytes.len());
        let numbers = read(24).unwrap().repetition_level_histogram;
        assert_eq!(numbers, Some(vec![1, 2, 3]));
        assert_eq!(read(23), Err("it lists too much".into()));
        assert!(read_within::<Encoding>(0, &[0x80; 20][..], 20).is_err());
    }
}
