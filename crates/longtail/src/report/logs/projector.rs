//! The features of the test images for TensorBoard's projector: a row of numbers each, and what they are of.

use std::{fmt::Write, path::Path};

use super::write;
use crate::report::{ReportError, ScoredImages, printable};

/// Rows at most: what the projector can show at once.
const MOST: usize = 10_000;
const CONFIG: &str = "projector_config.pbtxt";
const TENSORS: &str = "tensors.tsv";
const METADATA: &str = "metadata.tsv";

/// Writes the features of `scored`; without any, none are left.
pub(super) fn write(scored: Option<&ScoredImages>, folder: &Path) -> Result<(), ReportError> {
    let rows = scored.map(shown).unwrap_or_default();
    let Some(scored) = scored.filter(|_| !rows.is_empty()) else {
        return [CONFIG, TENSORS, METADATA]
            .iter()
            .try_for_each(|name| write::remove(&folder.join(name)));
    };
    let (tensors, metadata) = tables(scored, &rows);
    let config = format!(
        "embeddings {{\n  tensor_name: \"features\"\n  tensor_path: \"{TENSORS}\"\n  metadata_path: \"{METADATA}\"\n}}\n"
    );
    for (name, text) in [(TENSORS, tensors), (METADATA, metadata), (CONFIG, config)] {
        write::file(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// The images that are shown: all with finite features, or as many of them as fit, spread evenly over the set.
fn shown(scored: &ScoredImages) -> Vec<usize> {
    let features = &scored.outputs().features;
    let is_finite = |row: &usize| features.row(*row).iter().all(|value| value.is_finite());
    let finite: Vec<usize> = (0..features.len()).filter(is_finite).collect();
    let count = finite.len().min(MOST);
    (0..count).map(|place| finite[place * finite.len() / count]).collect()
}

/// Tab-separated values: of the tensors without a header, of the metadata with one.
fn tables(scored: &ScoredImages, rows: &[usize]) -> (String, String) {
    let outputs = scored.outputs();
    let predictions = outputs.predictions();
    let name = |class: u32| printable(&scored.class_names()[class as usize]);
    let mut tensors = String::new();
    let mut metadata = String::from("label\tprediction\tindex\tpath\n");
    for &row in rows {
        let values = outputs.features.row(row).iter().map(|value| format!("{value:?}"));
        tensors += &values.collect::<Vec<_>>().join("\t");
        tensors.push('\n');
        let (label, prediction) = (name(outputs.labels[row]), name(predictions[row]));
        let (index, path) = (scored.indices()[row], printable(&scored.paths()[row]));
        let _ = writeln!(metadata, "{label}\t{prediction}\t{index}\t{path}");
    }
    (tensors, metadata)
}
