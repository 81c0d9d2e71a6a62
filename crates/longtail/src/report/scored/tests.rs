use std::io::Cursor;

use polars_parquet_format::{
    ColumnChunk, FileMetaData, PageHeader, RowGroup, Type, thrift::protocol::TCompactInputProtocol,
};
use serde_json::{Map, Value, json};

use super::{
    columns::{Column, Values},
    *,
};
use crate::eval::Rows;

/// Three images of two classes, of three with hard names; one row of logits and one of features is no number.
fn scored() -> ScoredImages {
    let names = ["=cat, \"big\"", "dog\n\u{202e}", "<b>none</b>"].map(String::from);
    let paths = vec!["a/1.png".into(), "-b.png".into(), "c\t.png".into()];
    let images = ImageSet::new(1, 1, vec![0; 9], vec![1, 0, 0], paths);
    let logits = vec![1.0, 1.0, -200.0, f32::NAN, 0.0, 0.0, 0.25, 0.5, 0.5];
    let outputs = Outputs {
        labels: vec![0, 0, 1],
        logits: Rows::new(logits, 3).unwrap(),
        features: Rows::new(vec![0.1, 2.0, f32::NAN, 1e-9, 3.0, 1e20], 2).unwrap(),
        projections: Rows::new(vec![0.6, 0.8, 1.0], 1),
    };
    ScoredImages::new(&images, &[2, 1, 0], &names, outputs).unwrap()
}

fn written(format: ScoredFormat, options: ScoredOptions) -> Vec<u8> {
    let mut out = Vec::new();
    scored().write(format, options, &mut out).unwrap();
    out
}

const ALL: ScoredOptions = ScoredOptions { features: true, raw_names: true };

/// A value as who reads JSON has it, which has 64 bits for numbers of 32.
fn read(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// What every format has to say.
fn expected() -> Vec<Value> {
    let scored = scored();
    let columns = scored.columns(ALL);
    (0..3).map(|row| read(&columns::Object { columns: &columns, row })).collect()
}

#[test]
fn rows_say_what_the_model_says() {
    let rows = expected();
    assert_eq!(rows[0]["index"], 2);
    assert_eq!((&rows[0]["path"], &rows[1]["path"]), (&json!("c\t.png"), &json!("-b.png")));
    // Of equal logits the lowest class; NaN is not the largest.
    assert_eq!(
        (&rows[0]["prediction_index"], &rows[1]["prediction_index"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(rows[2]["prediction"], "dog\n\u{202e}");
    assert_eq!(rows[0]["p_0"], 0.5);
    let tiny = rows[0]["p_2"].as_f64().unwrap();
    assert!((tiny / ((-201_f64).exp() / 2.0) - 1.0).abs() < 1e-12, "{tiny}");
    assert!((0..3).all(|class| rows[1][format!("p_{class}")].is_null()));
    assert_eq!((&rows[0]["feature_0"], &rows[1]["feature_0"]), (&json!(0.1), &Value::Null));
    assert_eq!(rows[2]["projection_0"], 1.0);
    let sum: f64 = (0..3).map(|class| rows[2][format!("p_{class}")].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-15);
}

#[test]
fn jsonl_has_one_object_an_image_whatever_the_names() {
    let text = String::from_utf8(written(ScoredFormat::Jsonl, ALL)).unwrap();
    assert!(!text.contains('\u{202e}'), "a terminal is not steered");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, expected());
    let plain = String::from_utf8(written(ScoredFormat::Jsonl, ScoredOptions::default())).unwrap();
    assert!(!plain.contains("feature_0") && plain.contains("\"=cat"), "{plain}");
}

#[test]
fn csv_is_read_back_and_holds_no_formula() {
    for raw_names in [false, true] {
        let bytes = written(ScoredFormat::Csv, ScoredOptions { raw_names, ..ALL });
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        let mut records = 0;
        for (record, expected) in reader.records().map(Result::unwrap).zip(expected()) {
            records += 1;
            for (name, field) in header.iter().zip(&record) {
                let known = match &expected[name] {
                    Value::Null => String::new(),
                    Value::String(text) if !raw_names => super::super::predictions::guarded(text),
                    Value::String(text) => text.clone(),
                    number => {
                        let same = field.parse::<f64>().unwrap();
                        let exact = number.as_f64().unwrap();
                        assert!(same == exact || same as f32 == exact as f32, "{name} {field}");
                        continue;
                    }
                };
                assert_eq!(field, known, "{name}");
            }
        }
        assert_eq!(records, 3);
        assert_eq!(String::from_utf8(bytes).unwrap().contains("'-b.png"), !raw_names);
    }
}

/// The rows of a Parquet file that has plain pages alone, group by group.
fn parquet_groups(bytes: &[u8]) -> Vec<Vec<Value>> {
    let tail = bytes.len() - 8;
    assert_eq!((&bytes[..4], &bytes[tail + 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let length = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap()) as usize;
    let mut footer = TCompactInputProtocol::new(&bytes[tail - length..tail], 1 << 20);
    let meta = FileMetaData::read_from_in_protocol(&mut footer).unwrap();
    let group = |group: &RowGroup| {
        let mut rows = vec![Map::new(); group.num_rows as usize];
        group.columns.iter().for_each(|chunk| read_chunk(bytes, chunk, &mut rows));
        rows.into_iter().map(Value::Object).collect::<Vec<_>>()
    };
    let groups: Vec<_> = meta.row_groups.iter().map(group).collect();
    assert_eq!(groups.iter().map(Vec::len).sum::<usize>() as i64, meta.num_rows);
    groups
}

/// Reads a column of a group into its rows.
fn read_chunk(bytes: &[u8], chunk: &ColumnChunk, rows: &mut [Map<String, Value>]) {
    let column = chunk.meta_data.as_ref().unwrap();
    let mut at = Cursor::new(&bytes[column.data_page_offset as usize..]);
    let mut protocol = TCompactInputProtocol::new(&mut at, 1 << 20);
    let header = PageHeader::read_from_in_protocol(&mut protocol).unwrap();
    let start = at.position() as usize;
    assert_eq!(start as i64 + i64::from(header.compressed_page_size), column.total_compressed_size);
    let mut values = &at.into_inner()[start..][..header.compressed_page_size as usize];
    let mut take = |count: usize| values.split_off(..count).unwrap();
    for row in rows {
        let value = match column.type_ {
            Type::INT32 => json!(u32::from_le_bytes(take(4).try_into().unwrap())),
            Type::DOUBLE => json!(f64::from_le_bytes(take(8).try_into().unwrap())),
            Type::FLOAT => read(&f32::from_le_bytes(take(4).try_into().unwrap())),
            _ => {
                let length = u32::from_le_bytes(take(4).try_into().unwrap());
                json!(std::str::from_utf8(take(length as usize)).unwrap())
            }
        };
        row.insert(column.path_in_schema[0].clone(), value);
    }
    assert!(take(0).is_empty() && values.is_empty());
}

#[test]
fn parquet_holds_the_same() {
    let bytes = written(ScoredFormat::Parquet, ALL);
    assert_eq!(parquet_groups(&bytes), [expected()]);
}

#[test]
fn parquet_has_its_rows_in_groups_none_of_which_is_too_large() {
    let names = ["even", "odd"];
    let columns = [
        Column::new("row", Values::Whole(Box::new(|row| row as u32))),
        Column::new("name", Values::Text(Box::new(|row| names[row % 2]))),
    ];
    for (rows, groups) in
        [(0, &[][..]), (65_536, &[65_536]), (65_537, &[65_536, 1]), (131_073, &[65_536, 65_536, 1])]
    {
        let mut bytes = Vec::new();
        parquet::write(&columns, 0..rows, &[], &mut bytes).unwrap();
        let read = parquet_groups(&bytes);
        assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), groups);
        for (row, value) in read.iter().flatten().enumerate() {
            assert_eq!((&value["row"], &value["name"]), (&row.into(), &names[row % 2].into()));
        }
    }
}

#[test]
fn the_ending_says_the_format_and_an_older_file_stays_until_the_new_one_is_whole() {
    let of = |name: &str| ScoredFormat::of_path(Path::new(name));
    assert_eq!(of("a/b.CSV").unwrap(), ScoredFormat::Csv);
    assert_eq!(of("b.parquet").unwrap(), ScoredFormat::Parquet);
    for name in ["-", "b", "b.xlsx", ".csv"] {
        let error = of(name).unwrap_err().to_string();
        assert!(["csv", "jsonl", "parquet"].iter().all(|known| error.contains(known)), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    std::fs::write(&path, "old").unwrap();
    scored().save(&path, ALL).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), written(ScoredFormat::Jsonl, ALL));
    let error = scored().save(&folder.path().join("no/p.csv"), ALL).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let ScoredImages { class_names, indices, outputs, .. } = scored();
    let images = ImageSet::new(1, 1, vec![0; 9], vec![1, 0, 0], Vec::new());
    let new = |indices: &[u32], names: &[String]| {
        ScoredImages::new(&images, indices, names, outputs.clone())
    };
    assert!(new(&indices, &class_names).unwrap().paths().iter().all(String::is_empty));
    let refused = [new(&indices[1..], &class_names), new(&indices, &class_names[1..])];
    assert!(refused.iter().all(|new| matches!(new, Err(ReportError::Rows { .. }))));
}
