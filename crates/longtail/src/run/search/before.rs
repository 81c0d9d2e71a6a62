//! The search that was made in a folder before.

use std::path::Path;

use serde::Deserialize;

use super::{Candidate, Search};
use crate::{regular, run::RunError};

/// What a search came to, as JSON, in its folder.
const FILE: &str = "search.json";
/// Bytes of the longest that is read.
const LARGEST: u64 = 1 << 28;

/// As much of it as tells searches apart.
#[derive(Deserialize)]
struct Before {
    knobs: Vec<String>,
    seeds: Vec<u64>,
    candidates: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Search {
    /// Refuses a folder with the figures of another search. One that tries all that was tried there, and more, goes on with
    /// it.
    pub(super) fn check_folder(&self, candidates: &[Candidate]) -> Result<(), RunError> {
        let file = self.root.join(FILE);
        if !file.exists() {
            return Ok(());
        }
        let difference = match read(&file) {
            Ok(before) => self.lacks(candidates, &before),
            Err(reason) => Some(format!("its {FILE} cannot be read: {reason}")),
        };
        match difference {
            None => Ok(()),
            Some(difference) => Err(RunError::OtherSearch { path: self.root.clone(), difference }),
        }
    }

    /// What the search before has and this one has not.
    fn lacks(&self, candidates: &[Candidate], before: &Before) -> Option<String> {
        let keys: Vec<_> = self.knobs.iter().map(|knob| knob.key.clone()).collect();
        if before.knobs != keys {
            return Some(format!("over {}", before.knobs.join(" and ")));
        }
        let is_tried = |name: &str| candidates.iter().any(|candidate| candidate.name == name);
        if let Some(Name { name }) = before.candidates.iter().find(|one| !is_tried(&one.name)) {
            return Some(format!("with the candidate {name}"));
        }
        let seeds = if self.seeds.is_empty() { &[0][..] } else { &self.seeds };
        let seed = before.seeds.iter().find(|seed| !seeds.contains(seed))?;
        Some(format!("with seed {seed}"))
    }
}

fn read(file: &Path) -> Result<Before, String> {
    let json = regular::read(file, LARGEST).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::search::Knob;

    #[test]
    fn the_same_search_goes_on_with_more_and_another_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let said = |knobs: &[&str], seeds: &[u64]| {
            let knobs = knobs.iter().map(|knob| Knob::parse(knob).unwrap()).collect();
            let (root, seeds) = (place.path().to_owned(), seeds.to_vec());
            let search = Search { knobs, seeds, root, ..Search::default() };
            let candidates = search.candidates().unwrap();
            search.check_folder(&candidates).err().map(|error| error.to_string())
        };
        assert_eq!(said(&["lr=0.1"], &[]), None);
        let text = r#"{"knobs": ["optimizer.lr"], "seeds": [0], "candidates": [{"name": "lr-0.1"}, {"name": "lr-0.2"}]}"#;
        fs::write(place.path().join(FILE), text).unwrap();
        let same: [(&str, &[u64]); 2] = [("lr=0.1,0.2", &[]), ("lr=0.2,0.3,0.1", &[1, 0])];
        for (knobs, seeds) in same {
            assert_eq!(said(&[knobs], seeds), None, "{knobs}");
        }
        let others: [(&[&str], &[u64], &str); 4] = [
            (&["tau=1.0,1.3"], &[], "over optimizer.lr"),
            (&["lr=0.1,0.2", "tau=1.0"], &[], "over optimizer.lr"),
            (&["lr=0.1,0.3"], &[], "the candidate lr-0.2"),
            (&["lr=0.1,0.2"], &[1], "with seed 0"),
        ];
        for (knobs, seeds, what) in others {
            let said = said(knobs, seeds).unwrap();
            assert!(said.contains(what) && said.contains("another --out"), "{said}");
        }
        fs::write(place.path().join(FILE), "{}").unwrap();
        assert!(said(&["lr=0.1"], &[]).unwrap().contains("cannot be read"));
    }
}
