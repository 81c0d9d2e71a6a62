//! The searches that the paper speaks of.

use super::Knob;
use crate::{recipe::RecipeFile, run::RunError};

/// A search of the paper. It says what was searched and what was found, and not which values were tried: those are ours.
#[derive(Debug, Clone, Copy)]
pub struct PaperGrid {
    /// Its name.
    pub name: &'static str,
    /// What it is, where the paper speaks of it, and what it found.
    pub about: &'static str,
    knob: &'static str,
    /// What else it sets.
    fixed: &'static str,
}

/// Both of them.
pub const GRIDS: [PaperGrid; 2] = [
    PaperGrid {
        name: "tau",
        about: "τ of logit adjustment (§4.3, which found 1.3)",
        knob: "loss.tau=0.5,0.75,1.0,1.3,1.5,2.0",
        fixed: "",
    },
    PaperGrid {
        name: "compression",
        about: "the factor of classes below 20 % on validation, with 1 for all others (§3.3.2; §4.3 and the code of FCC \
                have other readings); 1.0 is no compression",
        knob: "compression.factor_low=0.005,0.05,0.5,1.0,1.5,2.0",
        fixed: "[compression]\npreset = \"custom\"\nfactor_rest = 1.0\nmode = \"multiply\"\n",
    },
];

impl PaperGrid {
    /// The grid of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        GRIDS.into_iter().find(|grid| grid.name == name)
    }

    /// What it turns.
    ///
    /// # Errors
    /// None: a test reads both.
    pub fn knob(self) -> Result<Knob, RunError> {
        Knob::parse(self.knob)
    }

    /// What all its candidates share.
    ///
    /// # Errors
    /// None: a test reads both.
    pub fn layer(self) -> crate::Result<RecipeFile> {
        Ok(RecipeFile::parse(self.fixed, self.name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::search::Search;

    #[test]
    fn both_grids_can_be_run_and_hold_what_the_paper_says() {
        for (grid, value) in GRIDS.into_iter().zip(["tau-1.3", "factor_low-0.005"]) {
            let (knobs, layers) = (vec![grid.knob().unwrap()], vec![grid.layer().unwrap()]);
            let search = Search { knobs, layers, ..Search::default() };
            let candidates = search.candidates().unwrap();
            assert_eq!(candidates.len(), 6);
            assert!(candidates.iter().any(|candidate| candidate.name == value));
        }
        assert!(PaperGrid::of_name("beta").is_none());
    }
}
