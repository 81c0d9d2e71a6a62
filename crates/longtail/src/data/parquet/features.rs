//! What Hugging Face `datasets` says of a table's columns in the footer.

use polars_parquet_format::KeyValue;
use serde_json::Value;

/// The key of it.
const KEY: &str = "huggingface";

/// What the columns are said to be.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Features {
    /// Columns of images.
    pub images: Vec<String>,
    /// Columns of labels, with the names of the classes.
    pub labels: Vec<(String, Vec<String>)>,
}

impl Features {
    /// Of the footer's pairs of keys and values; what is not understood says nothing.
    pub fn of(pairs: Option<&[KeyValue]>) -> Self {
        let pair = pairs.unwrap_or_default().iter().find(|pair| pair.key == KEY);
        let json: Option<Value> = pair
            .and_then(|pair| pair.value.as_deref())
            .and_then(|value| serde_json::from_str(value).ok());
        let features = json.as_ref().and_then(|json| json.pointer("/info/features")?.as_object());
        let mut found = Self::default();
        for (name, feature) in features.into_iter().flatten() {
            match feature.get("_type").and_then(Value::as_str) {
                Some("Image") => found.images.push(name.clone()),
                Some("ClassLabel") => found.labels.push((name.clone(), class_names(feature))),
                _ => {}
            }
        }
        found
    }

    /// The names of the classes of a column; `None` where none are said.
    pub fn class_names(&self, column: &str) -> Option<&[String]> {
        let (_, names) = self.labels.iter().find(|(name, _)| name == column)?;
        (!names.is_empty()).then_some(names)
    }
}

/// The names of a feature; none unless all are text.
fn class_names(feature: &Value) -> Vec<String> {
    let names = feature.get("names").and_then(Value::as_array);
    let names: Option<Vec<String>> =
        names.and_then(|names| names.iter().map(|name| name.as_str().map(String::from)).collect());
    names.unwrap_or_default()
}
