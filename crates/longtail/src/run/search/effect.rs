//! Whether what a search turns reaches the method at all.

use super::{Candidate, Search};
use crate::{
    data::{names::listed, source},
    loss::ClassCounts,
    method::{Method, Planner},
    recipe::{METHOD_OF_FILES, Recipe, RecipeError, RecipeFile},
    run::{RunError, without_effect::TAKEN},
};

/// Training images of every class that plans are made for: a knob reaches a method whatever they are.
const IMAGES: [usize; 3] = [900, 90, 9];
/// Candidates by which another method is looked at.
const LOOKED_AT: usize = 50;
/// Names that a sentence lists.
const NAMED: usize = 8;

impl Search {
    /// Refuses candidates that are all the same to the method, of whose plan nothing that is turned is a part. Nothing is
    /// said of a method from outside, whose plan may not print all that it depends on.
    pub(super) fn check_effect(
        &self,
        candidates: &[Candidate],
        planner: &Planner,
    ) -> Result<(), RunError> {
        let is_of_method = |key: &str| key.split('.').next().is_some_and(|s| TAKEN.contains(&s));
        let may_be_unheard = self.knobs.iter().all(|knob| is_of_method(&knob.key));
        if planner.own_name().is_some() || candidates.len() < 2 || !may_be_unheard {
            return Ok(());
        }
        let all = candidates.iter();
        if !are_same(all.map(|candidate| self.plan(candidate, None))) {
            return Ok(());
        }
        let method = self.recipe(&candidates[0], None).map(|recipe| recipe.method.to_string());
        let keys: Vec<_> = self.knobs.iter().map(|knob| knob.key.as_str()).collect();
        Err(RunError::WithoutEffect {
            knobs: listed(&keys, NAMED),
            method: method.unwrap_or_default(),
            mend: self.mend(candidates),
        })
    }

    fn mend(&self, candidates: &[Candidate]) -> String {
        let some = || candidates.iter().step_by(candidates.len().div_ceil(LOOKED_AT));
        let takes = |method: Method| {
            let plans: Option<Vec<_>> = some().map(|one| self.plan(one, Some(method))).collect();
            plans.is_some_and(|plans| !are_same(plans.into_iter().map(Some)))
        };
        let methods = Method::ALL.into_iter().filter(|method| takes(*method));
        let methods: Vec<_> = methods.map(|method| method.to_string()).collect();
        match methods.is_empty() {
            true => "turn what it takes, or set what this goes with (docs/method.md)".into(),
            false => format!("name a method that takes it with --method: {}", methods.join(", ")),
        }
    }

    /// What a candidate trains, as text; `None` where that is not known.
    fn plan(&self, candidate: &Candidate, method: Option<Method>) -> Option<String> {
        let recipe = self.recipe(candidate, method).ok()?;
        let counts = ClassCounts::new(IMAGES.to_vec()).ok()?;
        Some(format!("{:?}", Method::plan(&recipe.settings(), &counts)))
    }

    /// The recipe of a candidate, with the method that its images have by default or with another one.
    fn recipe(&self, candidate: &Candidate, method: Option<Method>) -> Result<Recipe, RecipeError> {
        let mut layers = self.layers_of(candidate);
        if let Some(method) = method {
            layers.iter_mut().for_each(|layer| layer.method.name = None);
            layers.insert(0, of_method(method));
            return Ok(Recipe::resolve(&layers)?.0);
        }
        let recipe = Recipe::resolve(&layers)?.0;
        if !source::is_own(&recipe.data) {
            return Ok(recipe);
        }
        layers.insert(0, of_method(METHOD_OF_FILES));
        Ok(Recipe::resolve(&layers)?.0)
    }
}

/// Whether all are known and the same.
fn are_same(mut plans: impl Iterator<Item = Option<String>>) -> bool {
    let Some(Some(first)) = plans.next() else { return false };
    plans.all(|plan| plan.as_ref() == Some(&first))
}

fn of_method(method: Method) -> RecipeFile {
    let mut layer = RecipeFile::default();
    layer.method.name = Some(method);
    layer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::search::{Knob, PaperGrid};

    fn refused(text: &str, knobs: &[&str], grid: Option<&str>) -> Option<String> {
        let mut layers = vec![RecipeFile::parse(text, "t").unwrap()];
        let mut turned: Vec<_> = knobs.iter().map(|knob| Knob::parse(knob).unwrap()).collect();
        if let Some(grid) = grid.and_then(PaperGrid::of_name) {
            turned.push(grid.knob().unwrap());
            layers.push(grid.layer().unwrap());
        }
        let search = Search { knobs: turned, layers, ..Search::default() };
        let candidates = search.candidates().unwrap();
        search.check_effect(&candidates, &Planner::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_search_that_the_method_does_not_hear_is_refused_with_those_that_do() {
        // Folders have another method than built-in images.
        let photos = "data.name = \"photos\"\n";
        let said = refused(photos, &[], Some("compression")).unwrap();
        assert!(said.contains("compression.factor_low") && said.contains("effect on la"), "{said}");
        assert!(said.contains("with --method: scl, bcl, rcl, bcl+rcl"), "{said}");
        assert_eq!(refused("", &[], Some("compression")), None);
        assert_eq!(refused(photos, &[], Some("tau")), None);
        let ce = format!("{photos}method.name = \"ce\"\n");
        let said = refused(&ce, &["tau=1.0,1.3", "beta=1.0,2.0"], None).unwrap();
        assert!(said.contains("loss.tau, loss.beta") && said.contains("effect on ce"), "{said}");
        assert!(said.contains("with --method: la, "), "{said}");
        // What goes with another setting is said by none.
        let said = refused("", &["factor_low=0.5,1.0"], None).unwrap();
        assert!(said.contains("set what this goes with"), "{said}");
    }

    #[test]
    fn one_knob_that_is_heard_is_enough_and_one_candidate_is_let_through() {
        let ce = "method.name = \"ce\"\n";
        assert_eq!(refused(ce, &["tau=1.0,1.3", "lr=0.1"], None), None);
        assert_eq!(refused(ce, &["tau=1.0"], None), None);
        assert_eq!(refused("method.name = \"la\"\n", &["beta=1.0,2.0", "tau=1.0,1.3"], None), None);
        assert_eq!(refused("", &["method.name=la,ce"], None), None);
    }
}
