//! How the names of a file begin, before those of the encoder.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Keys that weights are nested under, and modules that wrap others.
const WRAPPERS: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "module",
    "_orig_mod",
    "backbone",
    "encoder",
];
/// Keys of averages over steps, which checkpoints have beside the weights themselves.
const AVERAGES: [&str; 3] = ["state_dict_ema", "model_ema", "ema"];
/// Keys that weights are nested under; the rest of a checkpoint lies beside them.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// What stands before the names of an encoder in a file, with its last dot; empty where nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix<'a>(pub &'a str);

impl<'a> Prefix<'a> {
    /// The one that most of the `encoder`'s names have among `names`; among several the weights themselves rather than
    /// their average, then the shortest.
    pub fn of(names: impl Iterator<Item = &'a str>, encoder: &BTreeSet<&str>) -> Option<Self> {
        let mut found = BTreeMap::<&str, usize>::new();
        for name in names {
            let begins = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
            for begin in begins.filter(|begin| encoder.contains(&name[*begin..])) {
                *found.entry(&name[..begin]).or_default() += 1;
            }
        }
        let known = found.into_iter().map(|(prefix, count)| (Self(prefix), count));
        let known = known.filter(|(prefix, _)| prefix.is_known());
        let best = known.max_by_key(|(prefix, count)| {
            let length = Reverse(prefix.0.len());
            (*count, !prefix.is_average(), length, Reverse(prefix.0))
        });
        best.map(|(prefix, _)| prefix)
    }

    fn parts(self) -> impl Iterator<Item = &'a str> {
        self.0.split_terminator('.')
    }

    fn is_known(self) -> bool {
        self.parts().all(|part| WRAPPERS.contains(&part) || AVERAGES.contains(&part))
    }

    fn is_average(self) -> bool {
        self.parts().any(|part| AVERAGES.contains(&part))
    }

    /// The key that the weights are nested under; a prefix of the whole file is none.
    pub fn key(self) -> Option<&'a str> {
        self.parts().next().filter(|part| KEYS.contains(part) || AVERAGES.contains(part))
    }

    /// It, and what is left where it loses one wrapper after the other.
    pub fn outward(self) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(self.0), |prefix| {
            let inner = prefix.strip_suffix('.')?;
            Some(inner.rfind('.').map_or("", |dot| &prefix[..=dot]))
        })
    }
}

/// Whether PyTorch only counts with it.
pub fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some("num_batches_tracked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix<'a>(names: &[&'a str]) -> Option<&'a str> {
        let encoder = BTreeSet::from(["conv1.weight", "layer1.0.conv1.weight"]);
        Prefix::of(names.iter().copied(), &encoder).map(|prefix| prefix.0)
    }

    #[test]
    fn wrappers_are_taken_off_in_any_order() {
        for before in [
            "",
            "module.",
            "_orig_mod.",
            "module._orig_mod.",
            "_orig_mod.module.",
            "backbone.",
            "encoder.",
            "model.",
            "state_dict.",
            "state_dict.module.encoder.",
            "model_state_dict.backbone.",
            "state_dict_ema.",
        ] {
            let names = ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"];
            let names = names.map(|name| format!("{before}{name}"));
            assert_eq!(prefix(&names.each_ref().map(String::as_str)), Some(before));
        }
        assert_eq!(prefix(&["encoder_q.conv1.weight", "fc.weight"]), None);
    }

    #[test]
    fn weights_come_before_their_average() {
        let both = ["model_ema.conv1.weight", "state_dict.conv1.weight", "ema.conv1.weight"];
        assert_eq!(prefix(&both), Some("state_dict."));
        let key = |prefix| Prefix(prefix).key();
        assert_eq!(key("state_dict.module."), Some("state_dict"));
        assert_eq!((key("module."), key("")), (None, None));
        let outward: Vec<_> = Prefix("a.b.").outward().collect();
        assert_eq!(outward, ["a.b.", "a.", ""]);
    }

    #[test]
    fn counters_are_known() {
        assert!(is_counter("bn1.num_batches_tracked") && !is_counter("num_batches_tracked.weight"));
    }
}
