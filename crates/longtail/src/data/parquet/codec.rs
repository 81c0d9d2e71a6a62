//! Pages as they were before they were compressed.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use polars_parquet_format::CompressionCodec;
use ruzstd::decoding::StreamingDecoder;

/// Bytes that one compressed byte of Snappy or LZ4 stands for at most.
const DENSEST: usize = 256;
/// Bytes that zstd looks back at most, as its own program has it.
const LARGEST_WINDOW: u64 = 128 << 20;

/// Refuses what is not read.
pub(super) fn check(codec: CompressionCodec) -> Result<(), String> {
    let name = match codec {
        CompressionCodec::UNCOMPRESSED
        | CompressionCodec::SNAPPY
        | CompressionCodec::GZIP
        | CompressionCodec::ZSTD
        | CompressionCodec::LZ4_RAW => return Ok(()),
        CompressionCodec::BROTLI => "Brotli",
        CompressionCodec::LZO => "LZO",
        CompressionCodec::LZ4 => "the LZ4 of Hadoop",
        _ => "a codec that has no name yet",
    };
    Err(format!(
        "it is compressed with {name}, which is not read: write it again with Snappy, zstd or gzip"
    ))
}

/// Puts into `bytes` the `size` bytes that `packed` stands for.
pub(super) fn unpack(
    codec: CompressionCodec,
    packed: &[u8],
    size: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    match codec {
        CompressionCodec::SNAPPY => {
            let length = snap::raw::decompress_len(packed).map_err(|error| failed(&error))?;
            if length != size {
                return Err(other_size(size));
            }
            let room = room(packed, size, bytes)?;
            snap::raw::Decoder::new().decompress(packed, room).map_err(|error| failed(&error))?;
        }
        CompressionCodec::LZ4_RAW => {
            let room = room(packed, size, bytes)?;
            let written = lz4_flex::block::decompress_into(packed, room);
            if written.map_err(|error| failed(&error))? != size {
                return Err(other_size(size));
            }
        }
        CompressionCodec::GZIP => stream(MultiGzDecoder::new(packed), size, bytes)?,
        CompressionCodec::ZSTD => {
            let window = LARGEST_WINDOW.max(size as u64);
            let decoder = StreamingDecoder::new_with_max_window_size(packed, window);
            stream(decoder.map_err(|error| failed(&error))?, size, bytes)?;
        }
        _ => return Err("it is compressed with what is not read".into()),
    }
    Ok(())
}

/// `size` bytes to write to, if `packed` can be so many.
fn room<'a>(packed: &[u8], size: usize, bytes: &'a mut Vec<u8>) -> Result<&'a mut [u8], String> {
    if size > packed.len().saturating_mul(DENSEST) {
        return Err(other_size(size));
    }
    bytes.clear();
    bytes.resize(size, 0);
    Ok(bytes)
}

/// Reads `size` bytes; memory is taken for those that there are.
fn stream(reader: impl Read, size: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.clear();
    reader.take(size as u64 + 1).read_to_end(bytes).map_err(|error| error.to_string())?;
    if bytes.len() == size { Ok(()) } else { Err(other_size(size)) }
}

fn other_size(size: usize) -> String {
    format!("it does not have the {size} bytes that it says")
}
