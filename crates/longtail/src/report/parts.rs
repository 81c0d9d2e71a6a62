use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

/// Figures of the parts of a loss by name, in their order; an object in JSON.
///
/// ```
/// use longtail::report::LossParts;
///
/// let mut sums = LossParts::default();
/// for (classifier, contrastive) in [(1.0, 4.0), (2.0, 6.0)] {
///     sums.add("classifier", classifier);
///     sums.add("contrastive", contrastive);
/// }
/// let means = sums.divided_by(2.0);
/// assert_eq!((means.get("classifier"), means.get("contrastive")), (Some(1.5), Some(5.0)));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossParts(Vec<(String, f64)>);

impl LossParts {
    /// Every part with its figure.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The figure of one part.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Adds to the figure of a part, which begins at 0.
    pub fn add(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The same parts, each figure divided.
    #[must_use]
    pub fn divided_by(&self, divisor: f64) -> Self {
        Self(self.0.iter().map(|(name, value)| (name.clone(), value / divisor)).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<String>> FromIterator<(S, f64)> for LossParts {
    fn from_iter<I: IntoIterator<Item = (S, f64)>>(parts: I) -> Self {
        Self(parts.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl Serialize for LossParts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for LossParts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = LossParts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parts of a loss by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LossParts, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = map.next_entry()? {
                    parts.push(part);
                }
                Ok(LossParts(parts))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_order_in_json() {
        let mut parts: LossParts = [("margin", 1.5), ("diversity", -2.0)].into_iter().collect();
        parts.add("margin", 0.5);
        parts.add("also", 4.0);
        let json = serde_json::to_string(&parts.divided_by(2.0)).unwrap();
        assert_eq!(json, r#"{"margin":1.0,"diversity":-1.0,"also":2.0}"#);
        let back: LossParts = serde_json::from_str(&json).unwrap();
        assert_eq!(back, parts.divided_by(2.0));
        assert_eq!((back.get("also"), back.get("none")), (Some(2.0), None));
    }
}
