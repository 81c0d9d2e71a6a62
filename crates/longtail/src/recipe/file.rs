use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Branch, CompressionTyped, ContrastiveTyped, DataTyped, EvalTyped, LossTyped, MethodTyped,
    ModelTyped, OptimizerTyped, RecipeError, ScheduleTyped, TrainTyped, ViewsTyped,
};
use crate::{data::Resize, regular};

/// Largest recipe file, in bytes.
const LARGEST: u64 = 1 << 20;

/// A recipe as typed, in a file or on the command line: everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecipeFile {
    /// `[data]`
    pub data: DataTyped,
    /// `[method]`
    pub method: MethodTyped,
    /// `[model]`
    pub model: ModelTyped,
    /// `[loss]`
    pub loss: LossTyped,
    /// `[contrastive]`
    pub contrastive: ContrastiveTyped,
    /// `[compression]`
    pub compression: CompressionTyped,
    /// `[views]`
    pub views: ViewsTyped,
    /// `[optimizer]`
    pub optimizer: OptimizerTyped,
    /// `[schedule]`
    pub schedule: ScheduleTyped,
    /// `[train]`
    pub train: TrainTyped,
    /// `[eval]`
    pub eval: EvalTyped,
    /// `[branch]`, which the recipe of a run has that another one begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
}

impl RecipeFile {
    /// Reads a recipe file.
    ///
    /// # Errors
    /// [`RecipeError::Read`], or [`RecipeError::Parse`] with the line and the nearest known key.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = regular::read_text(path, LARGEST)
            .map_err(|source| RecipeError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the complete recipe of a run; what a run of an earlier version did and did not write down is filled
    /// in.
    ///
    /// # Errors
    /// As [`RecipeFile::read`]; [`RecipeError::Newer`] for one that a later version wrote and this one cannot read.
    pub fn read_of_run(path: &Path) -> Result<Self, RecipeError> {
        let mut file = Self::read(path).map_err(|error| error.of_run(path))?;
        // Images were squashed before there was a choice.
        file.data.resize.get_or_insert(Resize::Squash);
        Ok(file)
    }

    /// Every value that is given, by `section.key`, as TOML writes it.
    ///
    /// # Errors
    /// [`RecipeError::Parse`] if it cannot be written as TOML, which what was parsed can.
    pub fn values(&self) -> Result<BTreeMap<String, String>, RecipeError> {
        let table = toml::Table::try_from(self).map_err(|error| RecipeError::Parse {
            file: "the recipe".into(),
            line: 0,
            reason: error.to_string(),
        })?;
        let mut values = BTreeMap::new();
        for (section, keys) in table {
            for (key, value) in keys.as_table().into_iter().flatten() {
                values.insert(format!("{section}.{key}"), value.to_string());
            }
        }
        Ok(values)
    }

    /// Parses the text of a recipe; `file` names it in errors.
    ///
    /// # Errors
    /// [`RecipeError::Parse`].
    pub fn parse(text: &str, file: &str) -> Result<Self, RecipeError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
            RecipeError::Parse { file: file.to_owned(), line, reason: mend(error.message()) }
        })
    }

    /// A layer of one value: `key` is `section.key`, `value` as in a recipe file, where a bare word is taken as a string;
    /// `from` names what was typed in errors.
    ///
    /// # Errors
    /// [`RecipeError::Parse`].
    ///
    /// ```
    /// use longtail::recipe::RecipeFile;
    ///
    /// assert_eq!(RecipeFile::of_value("loss.tau", "1.3", "--set")?.loss.tau, Some(1.3));
    /// let layer = RecipeFile::of_value("data.name", "photos", "--set")?;
    /// assert_eq!(layer.data.name.as_deref(), Some("photos"));
    /// assert!(RecipeFile::of_value("tau", "1.3", "--set").is_err());
    /// # Ok::<(), longtail::recipe::RecipeError>(())
    /// ```
    pub fn of_value(key: &str, value: &str, from: &str) -> Result<Self, RecipeError> {
        let Some((section, key)) = key.split_once('.') else {
            let (file, reason) = (from.to_owned(), "write section.key=value".to_owned());
            return Err(RecipeError::Parse { file, line: 1, reason });
        };
        let parse = |value: &str| Self::parse(&format!("{section}.{key} = {value}\n"), from);
        parse(value).or_else(|error| parse(&format!("{value:?}")).map_err(|_| error))
    }

    /// Whether it names a training list.
    pub(super) fn has_lists(&self) -> bool {
        self.data.train_list.as_ref().is_some_and(|list| !list.as_os_str().is_empty())
    }

    /// Takes over everything that `other` gives.
    pub fn merge(&mut self, other: Self) {
        self.data.merge(other.data);
        self.method.merge(other.method);
        self.model.merge(other.model.with_own_digest());
        self.loss.merge(other.loss);
        self.contrastive.merge(other.contrastive);
        self.compression.merge(other.compression);
        self.views.merge(other.views);
        self.optimizer.merge(other.optimizer);
        self.schedule.merge(other.schedule);
        self.train.merge(other.train);
        self.eval.merge(other.eval);
        self.branch = other.branch.or(self.branch.take());
    }
}

/// serde's message, with the nearest known key where one is unknown.
fn mend(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let kind = ["unknown field", "unknown variant"].into_iter().find(|k| message.starts_with(k));
    let (Some(kind), Some(unknown)) = (kind, quoted.next()) else { return message };
    let nearest = quoted.min_by_key(|known| strsim::damerau_levenshtein(known, unknown));
    let what = if kind == "unknown field" { "key" } else { "value" };
    match nearest {
        Some(known) => format!("unknown {what} \"{unknown}\"; the nearest is \"{known}\""),
        None => format!("unknown {what} \"{unknown}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        RecipeFile::parse(text, "r.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_nearest_key() {
        let message = error("[loss]\nalpha = 2.0\nbetta = 1.0\n");
        assert_eq!(message, "r.toml line 3: unknown key \"betta\"; the nearest is \"beta\"");
        let message = error("\n[optimiser]\nlr = 1.0\n");
        assert_eq!(
            message,
            "r.toml line 2: unknown key \"optimiser\"; the nearest is \"optimizer\""
        );
        let message = error("[method]\nname = \"bcl-rcl\"\n");
        assert!(message.contains("line 2") && message.contains("\"bcl+rcl\""), "{message}");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        let message = error("[train]\n\nepochs = \"many\"\n");
        assert!(message.starts_with("r.toml line 3: ") && message.contains("many"), "{message}");
        let message = error("[train]\nepochs = -1\n");
        assert!(message.starts_with("r.toml line 2: "), "{message}");
        let message = error("[train\n");
        assert!(message.starts_with("r.toml line 1: "), "{message}");
    }

    #[test]
    fn a_later_layer_wins() {
        let mut below = RecipeFile::parse("[loss]\nalpha = 2.0\nbeta = 1.0\n", "a").unwrap();
        below.merge(RecipeFile::parse("[loss]\nbeta = 0.6\n", "b").unwrap());
        assert_eq!((below.loss.alpha, below.loss.beta), (Some(2.0), Some(0.6)));
    }
}
