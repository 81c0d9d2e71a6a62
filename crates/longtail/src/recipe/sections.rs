use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Branch, CompressionSection, CompressionStart, Data, Eval, Loss, MethodSection, Model,
    Optimizer, RecipeFile, ScheduleSection, Train, Views, defaults,
};
use crate::{loss::Contrastive, method::Method};

/// The sections of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sections {
    /// `[data]`
    pub data: Data,
    /// `[method]`
    pub method: MethodSection,
    /// `[model]`
    pub model: Model,
    /// `[loss]`
    pub loss: Loss,
    /// `[contrastive]`
    pub contrastive: Contrastive,
    /// `[compression]`
    pub compression: CompressionSection,
    /// `[views]`
    pub views: Views,
    /// `[optimizer]`
    pub optimizer: Optimizer,
    /// `[schedule]`
    pub schedule: ScheduleSection,
    /// `[train]`
    pub train: Train,
    /// `[eval]`
    pub eval: Eval,
    /// `[branch]`, of a run that another one begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
}

impl Sections {
    /// Lays one layer over the recipe. What belongs to a length or a batch size follows it unless
    /// the layer sets it as well.
    pub(super) fn apply(&mut self, layer: &RecipeFile, notes: &mut Vec<String>) {
        if let Some(epochs) = layer.train.epochs {
            self.scale_schedule(epochs, layer);
        }
        if let (Some(batch), None) = (layer.train.batch_size, layer.optimizer.lr) {
            let before = self.train.batch_size;
            if batch != before {
                self.optimizer.lr = rounded(self.optimizer.lr * batch as f64 / before as f64);
                let lr = self.optimizer.lr;
                notes.push(format!(
                    "learning rate {lr}: scaled with the batch size, from {before} to {batch} (--lr sets it){}",
                    self.other_rate(layer)
                ));
            }
        }
        self.data.overlay(&layer.data);
        self.method.overlay(&layer.method);
        self.model.overlay(&layer.model.clone().with_own_digest());
        self.loss.overlay(&layer.loss);
        self.contrastive.overlay(&layer.contrastive);
        self.compression.overlay(&layer.compression);
        self.views.overlay(&layer.views);
        self.optimizer.overlay(&layer.optimizer);
        self.schedule.overlay(&layer.schedule);
        self.train.overlay(&layer.train);
        self.eval.overlay(&layer.eval);
        self.branch = layer.branch.clone().or(self.branch.take());
    }

    /// What is to be said of a rate that a batch size does not scale: that of a second stage.
    fn other_rate(&self, layer: &RecipeFile) -> String {
        const KEY: &str = "classifier_lr";
        let method = layer.method.name.unwrap_or(self.method.name);
        let knobs = method.definition().knobs;
        match knobs.iter().any(|knob| knob.key == KEY) && !layer.method.knobs.contains_key(KEY) {
            true => format!("; method.{KEY}, of the second stage, stays"),
            false => String::new(),
        }
    }

    /// Takes over a method with all that methods own: what an earlier layer says of it belongs to another method.
    /// Gives what is to be said of it.
    pub(super) fn switch_method(&mut self, method: Method) -> Option<String> {
        let before = std::mem::replace(&mut self.method.name, method);
        if method == before {
            return None;
        }
        self.method.knobs.clear();
        (self.method.teacher, self.method.teacher_digest) = (None, None);
        let was = self.owned();
        self.loss = defaults::loss_defaults(method);
        self.contrastive = defaults::contrastive_defaults(method);
        self.compression = defaults::compression_defaults();
        let is = self.owned();
        let changed = is.iter().filter(|(key, value)| was.get(*key) != Some(value));
        let changed: Vec<_> = changed.map(|(key, value)| format!("{key} = {value}")).collect();
        (!changed.is_empty()).then(|| {
            let changed = changed.join(", ");
            format!(
                "settings that belong to a method are those of {method}, not of {before}: {changed}"
            )
        })
    }

    /// The values of the sections that belong to the method, by `section.key`.
    fn owned(&self) -> BTreeMap<String, String> {
        let file = RecipeFile {
            loss: self.loss.clone().into(),
            contrastive: self.contrastive.into(),
            compression: self.compression.clone().into(),
            ..RecipeFile::default()
        };
        file.values().unwrap_or_default()
    }

    /// Scales warm-up, milestones and the start of compression to `epochs`.
    fn scale_schedule(&mut self, epochs: usize, layer: &RecipeFile) {
        let before = self.train.epochs as f64;
        let scale = |epoch: usize| epoch as f64 * epochs as f64 / before;
        if epochs == self.train.epochs {
            return;
        }
        if layer.schedule.warmup.is_none() {
            self.schedule.warmup = scale(self.schedule.warmup).ceil() as usize;
        }
        if layer.schedule.milestones.is_none() {
            let scaled = self.schedule.milestones.iter().map(|&m| scale(m).round() as usize);
            self.schedule.milestones = scaled.collect();
        }
        if let CompressionStart::Epoch(start) = self.compression.start {
            self.compression.start = CompressionStart::Epoch(scale(start).floor() as usize);
        }
    }
}

/// Without the digits that a product adds to decimals.
fn rounded(rate: f64) -> f64 {
    format!("{rate:.14e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use crate::recipe::{Recipe, RecipeFile};

    fn resolve(layers: &[&str]) -> Recipe {
        let layers: Vec<_> = layers.iter().map(|t| RecipeFile::parse(t, "t").unwrap()).collect();
        Recipe::resolve(&layers).unwrap().0
    }

    #[test]
    fn a_scaled_rate_has_the_digits_that_people_would_write_and_says_so() {
        let layers = |method: &str, batch: usize| {
            [
                format!("data.name = \"cifar10-lt\"\nmethod.name = \"{method}\"\noptimizer.lr = 0.1\ntrain.batch_size = 256\n"),
                format!("train.batch_size = {batch}\n"),
            ]
            .map(|text| RecipeFile::parse(&text, "t").unwrap())
        };
        for (batch, lr) in
            [(24, 0.009375), (48, 0.01875), (100, 0.0390625), (128, 0.05), (3, 0.001171875)]
        {
            let (recipe, notes) = Recipe::resolve(&layers("ce", batch)).unwrap();
            assert_eq!(recipe.optimizer.lr, lr, "{batch}");
            let said = format!(
                "learning rate {lr}: scaled with the batch size, from 256 to {batch} (--lr sets it)"
            );
            assert_eq!(notes, [said]);
        }
        let (_, notes) = Recipe::resolve(&layers("crt", 128)).unwrap();
        assert!(
            notes[0].ends_with("method.classifier_lr, of the second stage, stays"),
            "{notes:?}"
        );
    }

    const TAUGHT: &str = "[method]\nname = \"ride\"\nteacher = \"a\"\nteacher_digest = \"12\"\n";

    #[test]
    fn which_teacher_it_is_counts_and_where_it_lies_does_not() {
        let identity = |layers: &[&str]| resolve(layers).identity().unwrap();
        let other = TAUGHT.replace("12", "34");
        let moved = TAUGHT.replace("\"a\"", "\"b\"");
        assert_eq!(identity(&[&moved]), identity(&[TAUGHT]));
        assert_ne!(identity(&[&other]), identity(&[TAUGHT]));
        let alone = identity(&["[method]\nname = \"ride\"\n"]);
        assert!(!alone.contains("teacher") && !alone.contains("distillation"), "{alone}");
    }

    #[test]
    fn another_teacher_or_method_takes_the_former_digest_away() {
        let of = |more: &str| {
            let method = resolve(&[TAUGHT, more]).method.clone();
            (method.teacher.map(|path| path.display().to_string()), method.teacher_digest)
        };
        assert_eq!(of("[method]\nexperts = 4\n"), (Some("a".into()), Some("12".into())));
        assert_eq!(of("[method]\nteacher = \"b\"\n"), (Some("b".into()), None));
        assert_eq!(of("[method]\nname = \"ce\"\n"), (None, None));
        let resolve = |text: &str| {
            Recipe::resolve(&[RecipeFile::parse(text, "t").unwrap()]).unwrap_err().to_string()
        };
        assert!(resolve("[method]\nteacher = \"\"\n").contains("method.teacher"));
        assert!(resolve("[method]\nteacher_digest = \"1\"\n").contains("--teacher"));
    }

    const WEIGHTS: &str = "[model]\nweights = \"a\"\nweights_digest = \"12\"\n";

    #[test]
    fn which_weights_a_run_begins_with_counts_and_where_they_lie_does_not() {
        let identity = |layers: &[&str]| resolve(layers).identity().unwrap();
        assert_eq!(identity(&[&WEIGHTS.replace("\"a\"", "\"b\"")]), identity(&[WEIGHTS]));
        assert_ne!(identity(&[&WEIGHTS.replace("12", "34")]), identity(&[WEIGHTS]));
        assert!(!identity(&[""]).contains("weights"), "{}", identity(&[""]));
        let of = |more: &str| {
            let recipe = resolve(&[WEIGHTS, more]);
            (recipe.model.weights.display().to_string(), recipe.model.weights_digest.clone())
        };
        assert_eq!(of("[method]\nname = \"ce\"\n"), ("a".into(), "12".into()));
        assert_eq!(of("[model]\nweights = \"b\"\n"), ("b".into(), String::new()));
        let mut merged = RecipeFile::parse(WEIGHTS, "t").unwrap();
        merged.merge(RecipeFile::parse("model.weights = \"b\"", "t").unwrap());
        assert_eq!(merged.model.weights_digest.as_deref(), Some(""));
        let alone = RecipeFile::parse("model.weights_digest = \"1\"", "t").unwrap();
        assert!(Recipe::resolve(&[alone]).unwrap_err().to_string().contains("--weights"));
    }
}
