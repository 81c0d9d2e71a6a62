//! Sentences that name an option of `train`, in the words of a command that has `--set` in its place.

use std::fmt;

/// Options of `train` that `reproduce` has not, the key of a recipe that each sets, and what stands for a value.
const OPTIONS: [(&str, &str, &str); 29] = [
    ("alpha", "loss.alpha", "A"),
    ("any-content", "data.any_content", "true"),
    ("backbone", "model.backbone", "NAME"),
    ("batch-size", "train.batch_size", "N"),
    ("beta", "loss.beta", "B"),
    ("cache", "data.cache", "FOLDER"),
    ("cache-gib", "data.cache_gib", "GIB"),
    ("checkpoint-steps", "train.checkpoint_steps", "N"),
    ("classifier", "model.classifier", "NAME"),
    ("classifier-view", "views.classifier", "NAME"),
    ("compression", "compression.preset", "NAME"),
    ("contrastive-views", "views.contrastive", "NAME"),
    ("imbalance", "data.imbalance", "FACTOR"),
    ("lr", "optimizer.lr", "RATE"),
    ("method", "method.name", "NAME"),
    ("micro-batch", "train.micro_batch", "N"),
    ("resize", "data.resize", "NAME"),
    ("shorter-side", "data.shorter_side", "PIXELS"),
    ("skip-broken", "data.skip_broken", "true"),
    ("split", "data.split", "FILE"),
    ("split-seed", "data.split_seed", "SEED"),
    ("storage", "data.storage", "NAME"),
    ("tau", "loss.tau", "TAU"),
    ("teacher", "method.teacher", "RUN"),
    ("temperature", "contrastive.temperature", "T"),
    ("val", "data.val", "N"),
    ("weight-decay", "optimizer.weight_decay", "DECAY"),
    ("weights", "model.weights", "FILE"),
    ("seed", "train.seed", "SEED"),
];
/// Words that are values of such options.
const VALUES: [&str; 5] = ["none", "disk", "memory", "crop", "squash"];

/// The same sentence with `--set KEY=VALUE` in the place of such an option.
pub fn with_set(text: &str) -> String {
    let (mut said, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("--") {
        let is_of_name = |char: char| char.is_ascii_lowercase() || char == '-';
        let length = rest[at..].find(|char: char| !is_of_name(char)).unwrap_or(rest.len() - at);
        let (before, option) = rest[..at + length].split_at(at);
        rest = &rest[at + length..];
        said += before;
        let known = OPTIONS.iter().find(|(name, ..)| option.strip_prefix("--") == Some(*name));
        let Some((_, key, any)) = known else {
            said += option;
            continue;
        };
        let value = value(rest);
        rest = value.map_or(rest, |value| &rest[1 + value.len()..]);
        said += &format!("--set {key}={}", value.unwrap_or(any));
    }
    said + rest
}

/// The value that stands behind an option.
fn value(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(' ')?;
    let is_of_value = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '%');
    let length = rest.find(|char: char| !is_of_value(char)).unwrap_or(rest.len());
    let value = rest[..length].trim_end_matches('.');
    let is_number = value.starts_with(|char: char| char.is_ascii_digit());
    let is_value = is_number || value.starts_with("resn") || VALUES.contains(&value);
    is_value.then_some(value)
}

/// An error in other words, which ends the program as it would have done.
#[derive(Debug)]
pub struct Reworded {
    text: String,
    pub error: anyhow::Error,
}

impl fmt::Display for Reworded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Reworded {}

/// An error in the words of [`with_set`].
pub fn error_with_set(error: anyhow::Error) -> anyhow::Error {
    let said = format!("{error:#}");
    let text = with_set(&said);
    if text == said { error } else { Reworded { text, error }.into() }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use longtail::recipe::keys;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_option_is_one_of_train_alone_and_its_key_is_known() {
        let program = Args::command();
        let has = |command: &str, option: &str| {
            let mut all = program.find_subcommand(command).unwrap().get_arguments();
            all.any(|argument| argument.get_long() == Some(option))
        };
        for (option, key, _) in OPTIONS {
            assert!(has("train", option) && !has("reproduce", option), "{option}");
            let of_method = ["method.name", "method.teacher"].contains(&key);
            assert!(of_method || keys().any(|known| known.key == key), "{key}");
        }
    }

    #[test]
    fn an_option_becomes_the_key_that_it_sets() {
        for (text, said) in [
            ("choose --batch-size 158 or less", "choose --set train.batch_size=158 or less"),
            ("from 256 to 9 (--lr sets it)", "from 256 to 9 (--set optimizer.lr=RATE sets it)"),
            ("try --lr 0.04.", "try --set optimizer.lr=0.04."),
            ("a smaller --lr", "a smaller --set optimizer.lr=RATE"),
            ("--val 10%, or --val none", "--set data.val=10%, or --set data.val=none"),
            ("a --val-list or --epochs 3", "a --val-list or --epochs 3"),
            ("a -- b --", "a -- b --"),
        ] {
            assert_eq!(with_set(text), said);
        }
    }

    #[test]
    fn an_error_keeps_what_it_ends_with() {
        let error = error_with_set(anyhow::anyhow!("try --lr 1").context("é"));
        assert_eq!(format!("{error:#}"), "é: try --set optimizer.lr=1");
        assert!(error_with_set(anyhow::anyhow!("no")).downcast_ref::<Reworded>().is_none());
    }
}
