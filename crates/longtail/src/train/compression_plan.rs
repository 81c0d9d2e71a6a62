use crate::{
    augment::View,
    data::{Part, Sets},
    loss::{Compression, CompressionMode, CompressionPreset},
    recipe::{CompressionSection, CompressionStart, CriterionSet, Recipe, Reevaluate, Val},
};

/// When compression starts, which classes it holds to be poor, and what it does to them (§3.3.2).
#[derive(Debug, Clone, PartialEq)]
pub struct CompressionPlan {
    /// First epoch that is compressed, from 0.
    pub start: usize,
    low: f64,
    rest: f64,
    without_val: bool,
    section: CompressionSection,
}

impl CompressionPlan {
    /// The plan of a recipe; `None` where compression is off or the method has no contrastive loss.
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let section = recipe.compression.clone();
        recipe.method.name.spec().contrastive?;
        let (low, rest) = match section.preset {
            CompressionPreset::Off => return None,
            CompressionPreset::Custom => {
                let plus = f64::from(section.mode == CompressionMode::OnePlus);
                (section.factor_low + plus, section.factor_rest + plus)
            }
            preset => preset.factors()?,
        };
        let start = match section.start {
            CompressionStart::Half => recipe.train.epochs / 2,
            CompressionStart::Epoch(epoch) => epoch,
        };
        let without_val = recipe.data.val == Val::None;
        Some(Self { start, low, rest, without_val, section })
    }

    /// Whether the poor classes are chosen before the epoch `next` begins.
    pub fn is_due(&self, next: usize, chosen: bool) -> bool {
        match self.section.reevaluate {
            Reevaluate::Once => next >= self.start && !chosen,
            Reevaluate::EveryEpoch => next >= self.start,
        }
    }

    /// The images that decide, the transform they are seen under, and what they are. Training images
    /// stand in for a set that there is none of.
    pub fn criterion(&self, sets: &Sets) -> (Part, View, &'static str) {
        let asked = match self.section.criterion_set {
            CriterionSet::Train => None,
            CriterionSet::Val if self.without_val => None,
            CriterionSet::Val => sets.val.clone().map(|part| (part, "validation images")),
            CriterionSet::Test => {
                let name = "the test set, as in the literature";
                sets.test.clone().map(|part| (part, name))
            }
        };
        let (part, name) = asked.unwrap_or_else(|| (sets.train.clone(), "training images"));
        (part, View::Test, name)
    }

    /// Classes whose accuracy lies below the threshold; a class without an image is not judged.
    pub fn poor_classes(&self, per_class: &[Option<f64>]) -> Vec<u32> {
        let is_poor = |accuracy: &Option<f64>| accuracy.is_some_and(|a| a < self.section.threshold);
        (0..per_class.len() as u32).filter(|&c| is_poor(&per_class[c as usize])).collect()
    }

    /// The factors of all classes.
    pub fn compression(&self, poor: &[u32], classes: usize) -> Compression {
        let factor = |class| if poor.contains(&class) { self.low } else { self.rest };
        Compression {
            factors: (0..classes as u32).map(factor).collect(),
            apply_to: self.section.apply_to,
            prototypes: self.section.compress_prototypes,
        }
    }

    /// One line for people: from when, by what, on which classes, told by which `images`.
    pub fn describe(&self, poor: &[&str], images: &str) -> String {
        let Self { start, low, rest, section, .. } = self;
        let threshold = section.threshold * 100.0;
        let names = match poor {
            [] => "no class".to_owned(),
            names => names.join(", "),
        };
        format!(
            "compression from epoch {start}: factor {low} for classes below {threshold}% on {images} \
             ({names}), {rest} for the rest"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RecipeFile;

    fn plan(text: &str) -> Option<CompressionPlan> {
        let text = format!("[data]\nname = \"cifar10-lt\"\n{text}");
        let layer = RecipeFile::parse(&text, "t").unwrap();
        CompressionPlan::of(&Recipe::resolve(&[layer]).unwrap().0)
    }

    fn factors(preset: &str) -> Vec<f64> {
        let plan = plan(&format!("[compression]\npreset = \"{preset}\"")).unwrap();
        let accuracy = [Some(0.9), Some(0.19), Some(0.2), None];
        plan.compression(&plan.poor_classes(&accuracy), 4).factors
    }

    #[test]
    fn presets_are_the_readings_of_the_paper() {
        assert_eq!(factors("paper-3.3.2"), [1.0, 0.005, 1.0, 1.0]);
        assert_eq!(factors("paper-4.3"), [0.005, 1.0, 0.005, 0.005]);
        assert_eq!(factors("fcc-like"), [1.005, 2.0, 1.005, 1.005]);
        let custom = "custom\"\nmode = \"one-plus\"\nfactor_low = 0.5\nfactor_rest = 0.25";
        let plan = plan(&format!("[compression]\npreset = \"{custom}")).unwrap();
        assert_eq!(plan.compression(&[1], 2).factors, [1.25, 1.5]);
    }

    #[test]
    fn it_starts_at_half_time_and_is_off_by_default() {
        assert!(plan("").is_none());
        assert!(plan("[method]\nname = \"la\"\n[compression]\npreset = \"fcc-like\"").is_none());
        let half = plan("[train]\nepochs = 25\n[compression]\npreset = \"fcc-like\"").unwrap();
        assert_eq!(half.start, 12);
        assert!(!half.is_due(11, false) && half.is_due(12, false) && !half.is_due(13, true));
        let every =
            plan("[compression]\npreset = \"fcc-like\"\nreevaluate = \"every-epoch\"").unwrap();
        assert!(!every.is_due(99, false) && every.is_due(150, true));
    }
}
