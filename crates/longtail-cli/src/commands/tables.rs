//! The files of tables.

use std::{collections::BTreeSet, fs, path::Path};

use longtail::{report::counted, run::paper::Filled};
use serde_json::Value;

use crate::output::write_file;

/// Writes `TABLE.md` and `table.json` into `root`; what is to be said where other tables stood there.
pub fn write(root: &Path, tables: &[Filled]) -> anyhow::Result<Option<String>> {
    if tables.is_empty() {
        return Ok(None);
    }
    let file = root.join("table.json");
    // What cannot be read is no table of this program.
    let before = fs::read(&file).ok();
    let before: Option<Value> = before.and_then(|json| serde_json::from_slice(&json).ok());
    let now = serde_json::to_value(tables)?;
    let text: Vec<_> = tables.iter().map(Filled::markdown).collect();
    write_file(&root.join("TABLE.md"), text.join("\n"))?;
    write_file(&file, serde_json::to_string_pretty(tables)?)?;
    Ok(before.and_then(|before| replaced(root, &before, &now)))
}

fn replaced(root: &Path, before: &Value, now: &Value) -> Option<String> {
    let (was, is) = (described(before), described(now));
    (before != now).then(|| {
        format!(
            "TABLE.md in {} holds {is} now, and held {was}{}: the runs behind that stay, and their command writes it again",
            root.display(),
            if was == is { " with other figures" } else { "" }
        )
    })
}

/// Which tables these are, over how many seeds and of what length.
fn described(tables: &Value) -> String {
    let of_all = |key: &str| -> BTreeSet<&str> {
        tables.as_array().into_iter().flatten().filter_map(|table| table[key].as_str()).collect()
    };
    let names: Vec<_> = of_all("name").into_iter().collect();
    let lengths: Vec<_> = of_all("length").into_iter().collect();
    let seeds = counted(most_seeds(tables) as usize, "seed", "seeds");
    format!("{} of {seeds} ({})", names.join(", "), lengths.join("; "))
}

fn most_seeds(tables: &Value) -> u64 {
    let below = |value: &Value| match value {
        Value::Array(values) => values.iter().map(most_seeds).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(most_seeds).max().unwrap_or(0),
        _ => 0,
    };
    tables.get("seeds").and_then(Value::as_u64).unwrap_or_else(|| below(tables))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_took_the_place_of_other_tables_is_said() {
        let table = |name: &str, seeds: u64, mean: f64| {
            let ours = json!({ "seeds": seeds, "spread": { "mean": mean } });
            let rows = json!([{ "cells": [{ "ours": null }, { "ours": ours }] }]);
            json!([{ "name": name, "length": "protocol short", "rows": rows }])
        };
        let said = |now: &Value| replaced("made".as_ref(), &table("table2", 2, 0.5), now);
        assert_eq!(said(&table("table2", 2, 0.5)), None);
        let text = said(&table("table1", 1, 0.5)).unwrap();
        assert!(
            text.contains("TABLE.md in made holds table1 of 1 seed (protocol short)"),
            "{text}"
        );
        assert!(text.contains("held table2 of 2 seeds (protocol short):"), "{text}");
        let text = said(&table("table2", 2, 0.6)).unwrap();
        assert!(text.contains("with other figures"), "{text}");
    }
}
