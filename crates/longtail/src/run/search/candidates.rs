//! What a search tries: all combinations of the knobs' values, or draws of them.

use sha2::{Digest, Sha256};

use super::{Knob, Search};
use crate::{
    Result,
    hex::hex,
    loss::{CompressionPreset, Criterion},
    recipe::{Holdout, Recipe, RecipeFile},
    run::RunError,
};

/// Candidates of one search.
const MOST: usize = 10_000;
/// Letters of a folder's name.
const LONGEST: usize = 80;

/// A value for every knob.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What people call it, and its folder, such as `tau-1.3`.
    pub name: String,
    /// Its values, in the order of the knobs.
    pub values: Vec<String>,
    /// They as a layer of a recipe.
    pub layer: RecipeFile,
}

impl Search {
    /// What is tried, each once, in order; every recipe was checked.
    ///
    /// # Errors
    /// [`RunError`] for knobs that leave nothing or too much to try, and for runs without validation images;
    /// [`crate::Error::Recipe`] for a combination that no recipe can have.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        if self.knobs.is_empty() {
            let mend = "name a key and its values, such as --knob tau=1.0,1.3";
            return Err(RunError::Knob { typed: String::new(), mend: mend.into() }.into());
        }
        for (place, knob) in self.knobs.iter().enumerate() {
            if self.knobs[..place].iter().any(|other| other.key == knob.key) {
                let mend = format!("{} is turned by another --knob already", knob.key);
                return Err(RunError::Knob { typed: knob.key.clone(), mend }.into());
            }
        }
        let combinations = match self.samples {
            Some(samples) => self.drawn(samples)?,
            None => self.grid()?,
        };
        let mut candidates: Vec<Candidate> = Vec::new();
        for values in combinations {
            let candidate = self.candidate(values)?;
            if candidates.iter().all(|known| known.name != candidate.name) {
                self.check(&candidate)?;
                candidates.push(candidate);
            }
        }
        Ok(candidates)
    }

    fn grid(&self) -> Result<Vec<Vec<String>>> {
        let mut all = vec![Vec::new()];
        for knob in &self.knobs {
            let Some(values) = knob.list() else {
                let typed = knob.key.clone();
                let mend = "a range has no end of values: say with --samples how many are drawn";
                return Err(RunError::Knob { typed, mend: mend.into() }.into());
            };
            if all.len().saturating_mul(values.len()) > MOST {
                return Err(too_many("--knob", &knob.key).into());
            }
            let with = |head: &Vec<String>| {
                let head = head.clone();
                values.iter().map(move |value| [head.clone(), vec![value.clone()]].concat())
            };
            all = all.iter().flat_map(with).collect();
        }
        Ok(all)
    }

    fn drawn(&self, samples: usize) -> Result<Vec<Vec<String>>> {
        if samples == 0 {
            let mend = "draw at least one candidate".into();
            return Err(RunError::Option { option: "--samples", value: "0".into(), mend }.into());
        }
        if samples > MOST {
            return Err(too_many("--samples", &samples.to_string()).into());
        }
        let seed = self.draw_seed;
        let draw = |draw: u64| {
            let knobs = self.knobs.iter().enumerate();
            knobs.map(|(place, knob)| knob.draw(seed, draw, place as u64)).collect()
        };
        Ok((0..samples as u64).map(draw).collect())
    }

    fn candidate(&self, values: Vec<String>) -> Result<Candidate> {
        let mut layer = RecipeFile::default();
        for (knob, value) in self.knobs.iter().zip(&values) {
            layer.merge(knob.layer(value)?);
        }
        Ok(Candidate { name: name(&self.knobs, &values), values, layer })
    }

    fn check(&self, candidate: &Candidate) -> Result<()> {
        let layers: Vec<_> = self.layers.iter().chain([&candidate.layer]).cloned().collect();
        let recipe = Recipe::resolve(&layers)?.0;
        if recipe.data.val == Holdout::None {
            return Err(RunError::NoValidation.into());
        }
        let compression = &recipe.compression;
        let is_on = compression.preset != CompressionPreset::Off;
        if is_on && compression.criterion_set == Criterion::Test {
            return Err(RunError::LooksAtTest.into());
        }
        Ok(())
    }
}

fn too_many(option: &'static str, value: &str) -> RunError {
    let mend = format!("a search has at most {MOST} candidates");
    RunError::Option { option, value: value.to_owned(), mend }
}

/// A name that files may have.
fn name(knobs: &[Knob], values: &[String]) -> String {
    let parts: Vec<_> =
        knobs.iter().zip(values).map(|(knob, value)| format!("{}-{value}", knob.name())).collect();
    let text = parts.join("_");
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    let plain: String = text.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    if plain == text && text.len() <= LONGEST {
        return plain;
    }
    let hash = hex(Sha256::digest(&text));
    format!("{}-{}", plain.chars().take(LONGEST - 9).collect::<String>(), &hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::search::Halving;

    fn search(knobs: &[&str]) -> Search {
        let knobs = knobs.iter().map(|knob| Knob::parse(knob).unwrap()).collect();
        Search { knobs, ..Search::default() }
    }

    #[test]
    fn a_grid_has_every_combination_once_in_order() {
        let names = |knobs: &[&str]| -> Vec<String> {
            search(knobs).candidates().unwrap().into_iter().map(|c| c.name).collect()
        };
        assert_eq!(names(&["tau=1.0,1.3"]), ["tau-1.0", "tau-1.3"]);
        let two = names(&["tau=1.0,1.3", "lr=0.1,0.2"]);
        assert_eq!(two, ["tau-1.0_lr-0.1", "tau-1.0_lr-0.2", "tau-1.3_lr-0.1", "tau-1.3_lr-0.2"]);
        let odd = names(&["milestones=[1, 2],[3]"]);
        assert!(odd[0].starts_with("milestones-_1__2_-") && odd[0] != odd[1], "{odd:?}");
    }

    #[test]
    fn more_draws_begin_with_the_same_ones() {
        let drawn = |samples| {
            let search = Search { samples: Some(samples), ..search(&["lr=0.01..0.5:log"]) };
            search.candidates().unwrap()
        };
        assert_eq!(drawn(3)[..], drawn(8)[..3]);
        assert_eq!(drawn(8).len(), 8);
        // Of two values there are two, however often they are drawn.
        let two = Search { samples: Some(30), ..search(&["tau=1.0,1.3"]) };
        assert_eq!(two.candidates().unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_searched_is_refused_before_anything_is_trained() {
        let said = |search: Search| search.candidates().unwrap_err().to_string();
        assert!(said(search(&[])).contains("--knob tau=1.0,1.3"));
        assert!(said(search(&["lr=0.1..0.2"])).contains("--samples"));
        assert!(said(search(&["tau=1.0", "loss.tau=1.3"])).contains("already"));
        let layer = |text: &str| vec![RecipeFile::parse(text, "t").unwrap()];
        let blind = Search { layers: layer("data.val = \"none\""), ..search(&["tau=1.0"]) };
        assert!(said(blind).contains("validation images"));
        let text = "compression = { preset = \"fcc-like\", criterion_set = \"test\" }";
        let on_test = Search { layers: layer(text), ..search(&["tau=1.0"]) };
        assert!(said(on_test).contains("test images"));
        assert!(said(search(&["alpha=-1.0"])).contains("alpha"));
        let zero = Search { samples: Some(0), ..search(&["tau=1.0"]) };
        assert!(said(zero).contains("--samples 0"));
    }

    #[test]
    fn halving_has_rungs_up_to_the_whole_run() {
        let halving = Halving { eta: 3, min_epochs: 2 };
        assert_eq!(halving.rungs(30, 9), [(2, 3), (6, 1)]);
        assert_eq!(halving.rungs(5, 9), [(2, 3)]);
        assert_eq!(Halving { eta: 2, min_epochs: 1 }.rungs(8, 5), [(1, 2), (2, 1)]);
        assert!(halving.rungs(2, 9).is_empty());
    }
}
