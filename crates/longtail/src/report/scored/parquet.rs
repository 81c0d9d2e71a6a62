//! A table as Parquet: plain values without levels in one page a column and group of rows, and the footer that says
//! where they are (<https://parquet.apache.org/docs/file-format/>).

use std::{
    io::{self, Write},
    ops::Range,
};

use polars_parquet_format::{
    ColumnChunk, ColumnMetaData, CompressionCodec, ConvertedType, DataPageHeader, Encoding,
    FieldRepetitionType, FileMetaData, IntType, KeyValue, LogicalType, PageHeader, PageType,
    RowGroup, SchemaElement, Type, thrift::protocol::TCompactOutputProtocol,
};

use super::columns::{Column, Values};

/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// Rows of one group, of which a column lies in memory at once.
const GROUP: usize = 1 << 16;
/// Bytes of a group's column at most: a page has no more.
const LARGEST_PAGE: usize = i32::MAX as usize;
/// The key of the names of all classes, in JSON.
const CLASSES: &str = "longtail.class_names";

/// Writes the table, with `class_names` beside it.
pub(super) fn write(
    columns: &[Column],
    rows: Range<usize>,
    class_names: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut file = File { out, at: 0 };
    file.write_all(MAGIC)?;
    let mut groups = Vec::new();
    let num_rows = rows.len() as i64;
    for start in rows.clone().step_by(GROUP) {
        groups.push(file.group(columns, start..rows.end.min(start + GROUP))?);
    }
    let names = serde_json::to_string(class_names)?;
    let footer = FileMetaData::new(
        1,
        schema(columns),
        num_rows,
        groups,
        vec![KeyValue::new(CLASSES.to_owned(), names)],
        format!("longtail version {}", env!("CARGO_PKG_VERSION")),
        None,
        None,
        None,
    );
    let mut bytes = Vec::new();
    let mut protocol = TCompactOutputProtocol::new(&mut bytes);
    footer.write_to_out_protocol(&mut protocol).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    file.write_all(&bytes)?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(MAGIC)
}

/// What is written to, and how far.
struct File<'a, W> {
    out: &'a mut W,
    at: i64,
}

impl<W: Write> File<'_, W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as i64;
        self.out.write_all(bytes)
    }

    fn group(&mut self, columns: &[Column], rows: Range<usize>) -> io::Result<RowGroup> {
        let num_rows = rows.len() as i64;
        let began = self.at;
        let chunk = |column| self.chunk(column, rows.clone());
        let chunks = columns.iter().map(chunk).collect::<io::Result<Vec<_>>>()?;
        let bytes = self.at - began;
        Ok(RowGroup::new(chunks, bytes, num_rows, None, began, bytes, None))
    }

    /// The values of one column in one page.
    fn chunk(&mut self, column: &Column, rows: Range<usize>) -> io::Result<ColumnChunk> {
        let (began, count) = (self.at, rows.len());
        let page = plain(&column.values, rows);
        if page.len() > LARGEST_PAGE {
            let what = format!("column {} has texts too long for a page of Parquet", column.name);
            return Err(io::Error::other(what));
        }
        let size = page.len() as i32;
        let data =
            DataPageHeader::new(count as i32, Encoding::PLAIN, Encoding::RLE, Encoding::RLE, None);
        let header = PageHeader::new(PageType::DATA_PAGE, size, size, None, data, None, None, None);
        let mut bytes = Vec::new();
        let mut protocol = TCompactOutputProtocol::new(&mut bytes);
        header.write_to_out_protocol(&mut protocol).map_err(io::Error::other)?;
        self.write_all(&bytes)?;
        self.write_all(&page)?;
        let written = self.at - began;
        let meta = ColumnMetaData {
            type_: kind(&column.values).0,
            encodings: vec![Encoding::PLAIN],
            path_in_schema: vec![column.name.clone()],
            codec: CompressionCodec::UNCOMPRESSED,
            num_values: count as i64,
            total_uncompressed_size: written,
            total_compressed_size: written,
            key_value_metadata: None,
            data_page_offset: began,
            index_page_offset: None,
            dictionary_page_offset: None,
            statistics: None,
            encoding_stats: None,
            bloom_filter_offset: None,
            bloom_filter_length: None,
            size_statistics: None,
        };
        Ok(ColumnChunk::new(None, began, meta, None, None, None, None, None, None))
    }
}

/// The physical type of a column, and what its values mean.
fn kind(values: &Values) -> (Type, Option<(ConvertedType, LogicalType)>) {
    let whole = LogicalType::INTEGER(IntType { bit_width: 32, is_signed: false });
    match values {
        Values::Whole(_) => (Type::INT32, Some((ConvertedType::UINT_32, whole))),
        Values::Text(_) => {
            (Type::BYTE_ARRAY, Some((ConvertedType::UTF8, LogicalType::STRING(Default::default()))))
        }
        Values::Double(_) => (Type::DOUBLE, None),
        Values::Single(_) => (Type::FLOAT, None),
    }
}

/// The root, and below it the columns, each with a value in every row.
fn schema(columns: &[Column]) -> Vec<SchemaElement> {
    let children = i32::try_from(columns.len()).ok();
    let root = SchemaElement::new(
        None,
        None,
        None,
        "table".to_owned(),
        children,
        None,
        None,
        None,
        None,
        None,
    );
    let element = |column: &Column| {
        let (kind, meaning) = kind(&column.values);
        let (converted, logical) = meaning.unzip();
        let required = FieldRepetitionType::REQUIRED;
        let name = column.name.clone();
        SchemaElement::new(kind, None, required, name, None, converted, None, None, None, logical)
    };
    [root].into_iter().chain(columns.iter().map(element)).collect()
}

/// Values as they lie in a page.
fn plain(values: &Values, rows: Range<usize>) -> Vec<u8> {
    match values {
        Values::Whole(of) => rows.flat_map(|row| of(row).to_le_bytes()).collect(),
        Values::Double(of) => rows.flat_map(|row| of(row).to_le_bytes()).collect(),
        Values::Single(of) => rows.flat_map(|row| of(row).to_le_bytes()).collect(),
        Values::Text(of) => {
            let mut bytes = Vec::new();
            for row in rows {
                let text = of(row).as_bytes();
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text);
            }
            bytes
        }
    }
}
