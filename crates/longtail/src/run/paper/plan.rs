//! From targets to runs.

use std::path::{Path, PathBuf};

use super::tables::{BALANCED, Column, HARMONIC, TABLES, Table, printed};
use crate::{
    Result,
    data::{Cifar, names::listed, source},
    recipe::{Protocol, Recipe, RecipeFile},
    report::counted,
    run::{
        RunError, Runner, of_seeds,
        queue::{Goal, Job, Queue},
    },
    train::{Limits, RunFolder},
};

/// Recipes by name.
pub type Shelf<'a> = &'a dyn Fn(&str) -> Option<RecipeFile>;

/// What is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A table.
    Table(&'static Table),
    /// A recipe, as a row of its own.
    Row(String),
    /// Embeddings on a circle.
    Figure1,
    /// Embeddings of BCL and of BCL+RCL.
    Figure3,
}

/// Other images in the place of a column's, which are not had.
#[derive(Debug, Clone, PartialEq)]
pub struct StandIn {
    /// The columns, such as `cifar100-lt-100`.
    pub columns: Vec<String>,
    /// Where its images are.
    pub layer: RecipeFile,
}

/// What is made again, of which data, at which length.
#[derive(Clone)]
pub struct Reproduction<'a> {
    /// The recipes.
    pub shelf: Shelf<'a>,
    /// Where CIFAR is.
    pub data_dir: PathBuf,
    /// What stands in for columns.
    pub stand_in: Option<StandIn>,
    /// The length of every run.
    pub protocol: Protocol,
    /// What is laid over every recipe, such as its number of epochs.
    pub options: RecipeFile,
    /// The seeds of every row.
    pub seeds: Vec<u64>,
    /// The folder of the runs and tables.
    pub root: PathBuf,
    /// Where images that runs are made of are written which `root` lacks, so that runs can be looked at and nothing is
    /// written there; there too if `None`.
    pub scratch: Option<PathBuf>,
    /// What every run stops at.
    pub limits: Limits,
}

/// The runs behind the cells of a recipe, or why there are none.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub jobs: Vec<Job>,
    /// The set that stands in.
    pub stand_in: Option<String>,
}

/// Why there are no runs of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("Longtail has no recipe for it")]
    Recipe,
    #[error("{0}")]
    Settings(String),
    #[error("{name} is not in {}", dir.display())]
    Images { name: String, dir: PathBuf },
    #[error("it learns from the run in {}, and there is none", .0.display())]
    Teacher(PathBuf),
}

impl Missing {
    /// What makes them possible; `columns` are those that images which were named may stand in for.
    fn mend(&self, columns: &[&str]) -> String {
        let mend = match self {
            Self::Recipe => "`longtail reproduce --list` names the rows that have one",
            Self::Settings(_) => "change what is set beside the recipes",
            Self::Images { .. } if !columns.is_empty() => {
                let columns = columns.join(",");
                return format!(
                    "--stand-in-for {columns} lets the images of --data or --train-list stand in, and --data-dir says where \
                     its own are"
                );
            }
            Self::Images { .. } => {
                "--data-dir says where CIFAR is, or the lists of ImageNet-LT with its images, and --data or --train-list \
                 names images that stand in"
            }
            Self::Teacher(_) => {
                "train that one first, as the head of the recipe says, or name another with --set method.teacher=RUN"
            }
        };
        mend.to_owned()
    }
}

fn resolved(layers: &[RecipeFile]) -> std::result::Result<Recipe, Missing> {
    let resolved = Recipe::resolve(layers);
    Ok(resolved.map_err(|error| Missing::Settings(error.to_string()))?.0)
}

/// What can be named, in a sentence.
pub fn targets() -> String {
    let tables: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    format!(
        "{}, figure1, figure3, or the name of a recipe (`longtail recipes list`)",
        tables.join(", ")
    )
}

impl Target {
    /// The target of that name.
    ///
    /// # Errors
    /// [`RunError::Target`], with all that there is.
    pub fn parse(name: &str, shelf: Shelf<'_>) -> std::result::Result<Self, RunError> {
        match name {
            "figure1" => return Ok(Self::Figure1),
            "figure3" => return Ok(Self::Figure3),
            _ => {}
        }
        if let Some(table) = Table::of_name(name) {
            return Ok(Self::Table(table));
        }
        let recipe = name.strip_suffix(".toml").unwrap_or(name);
        if shelf(recipe).is_some() {
            return Ok(Self::Row(recipe.to_owned()));
        }
        Err(RunError::Target { target: name.to_owned(), mend: format!("take {}", targets()) })
    }

    /// The recipes that it is made of.
    pub(super) fn recipes(&self) -> Vec<String> {
        match self {
            Self::Figure1 => Vec::new(),
            Self::Figure3 => {
                let sets = ["cifar10-lt-100", "cifar100-lt-100"];
                sets.iter()
                    .flat_map(|set| ["bcl", "bcl-rcl"].map(|s| format!("{set}-{s}")))
                    .collect()
            }
            Self::Row(name) => vec![name.clone()],
            Self::Table(table) => {
                let mut all: Vec<String> = Vec::new();
                for row in table.rows {
                    let cells =
                        table.columns.iter().zip(row.cells).filter(|(_, cell)| **cell != "-");
                    for (column, _) in cells {
                        let name = format!("{}-{}", column.data, row.system);
                        if !all.contains(&name) {
                            all.push(name);
                        }
                    }
                }
                all
            }
        }
    }
}

impl Reproduction<'_> {
    /// The runs behind the cells of a recipe; an error says why there are none.
    pub(super) fn source(&self, recipe: &str) -> std::result::Result<Source, Missing> {
        let Some(layer) = (self.shelf)(recipe) else {
            return Err(Missing::Recipe);
        };
        let mut layers = vec![layer.clone(), self.protocol.layer(), self.options.clone()];
        let stand_in = self.stand_in.as_ref().filter(|stand_in| {
            let is_it = |column: &String| recipe.starts_with(&format!("{column}-"));
            stand_in.columns.iter().any(is_it)
        });
        let title = match stand_in {
            Some(stand_in) => {
                layers.push(stand_in.layer.clone());
                Some(source::title(&resolved(&layers)?.data))
            }
            None => {
                layers.push(self.own(&layer)?);
                None
            }
        };
        let teacher = resolved(&layers)?.method.teacher.clone();
        if let Some(folder) = teacher.filter(|folder| RunFolder::open(folder).is_err()) {
            return Err(Missing::Teacher(folder));
        }
        let name = title.as_ref().map_or_else(|| recipe.to_owned(), |t| format!("{recipe}-on-{t}"));
        let folder = self.root.join(plain(&name));
        let jobs = of_seeds(&layers, &self.seeds, &folder, &name, Goal::Figures);
        Ok(Source { jobs, stand_in: title })
    }

    /// Where the images of a recipe are, if they are there.
    fn own(&self, recipe: &RecipeFile) -> std::result::Result<RecipeFile, Missing> {
        let name = recipe.data.name.clone().unwrap_or_default();
        if recipe.data.train_list.is_some() {
            return self.lists(recipe, name);
        }
        let mut layer = RecipeFile::default();
        let Some(known) = Cifar::of_name(&name) else { return Ok(layer) };
        if !known.cifar.is_at(&self.data_dir) {
            return Err(Missing::Images { name, dir: self.data_dir.clone() });
        }
        layer.data.dir = Some(self.data_dir.clone());
        Ok(layer)
    }

    /// The lists of a recipe in the folder of the data, which its images lie in as well.
    fn lists(&self, recipe: &RecipeFile, name: String) -> std::result::Result<RecipeFile, Missing> {
        let dir = &self.data_dir;
        let mut layer = RecipeFile::default();
        let typed = &recipe.data;
        let data = &mut layer.data;
        data.dir = Some(dir.clone());
        for (list, found) in [
            (&typed.train_list, &mut data.train_list),
            (&typed.val_list, &mut data.val_list),
            (&typed.test_list, &mut data.test_list),
        ] {
            *found = list.as_ref().map(|list| dir.join(list));
            if found.as_ref().is_some_and(|list| !list.is_file()) {
                return Err(Missing::Images { name, dir: dir.clone() });
            }
        }
        Ok(layer)
    }

    /// The runs of all targets, each once, in their order; why there are none of some recipes, and which these are.
    ///
    /// # Errors
    /// [`RunError::Nothing`] if there is none at all.
    pub fn queue(
        &self,
        targets: &[Target],
        runner: &Runner,
    ) -> Result<(Queue, Vec<(String, String)>)> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut missing: Vec<(String, Missing)> = Vec::new();
        for target in targets {
            for recipe in target.recipes() {
                match self.source(&recipe) {
                    Ok(source) => {
                        let is_new =
                            |job: &Job| jobs.iter().all(|known| known.folder != job.folder);
                        let new: Vec<_> = source.jobs.into_iter().filter(is_new).collect();
                        jobs.extend(new);
                    }
                    Err(reason) => missing.push((recipe, reason)),
                }
            }
        }
        if targets.contains(&Target::Figure1) {
            jobs.extend(self.figure1_jobs()?);
        }
        if let (true, Some((_, reason))) = (jobs.is_empty(), missing.first()) {
            let names: Vec<_> = missing.iter().map(|(recipe, _)| recipe.as_str()).collect();
            let mend = reason.mend(&self.columns_without(&names));
            let reason = format!("{reason} (of {}); {mend}", listed(&names, 4));
            return Err(RunError::Nothing { reason }.into());
        }
        let missing = missing.into_iter().map(|(recipe, reason)| (recipe, reason.to_string()));
        Ok((Queue::new(runner.clone(), jobs, self.limits), missing.collect()))
    }

    /// The columns of recipes that images which stand in do not stand in for, each once.
    fn columns_without(&self, recipes: &[&str]) -> Vec<&'static str> {
        let mut columns = Vec::new();
        let Some(StandIn { columns: stood_in, .. }) = &self.stand_in else { return columns };
        for recipe in recipes {
            let mut all = TABLES.iter().flat_map(|table| table.columns).map(|column| column.data);
            let own = all.find(|data| recipe.starts_with(&format!("{data}-")));
            let new = own.filter(|own| !columns.contains(own) && stood_in.iter().all(|s| s != own));
            columns.extend(new);
        }
        columns
    }

    /// How long its runs are, for people.
    pub(super) fn length(&self) -> String {
        let epochs = self.options.train.epochs.map_or(String::new(), |epochs| {
            format!(" with {}", counted(epochs, "epoch", "epochs"))
        });
        let steps = self.limits.max_steps.map_or(String::new(), |steps| {
            format!(", stopped after {}", counted(steps as usize, "step", "steps"))
        });
        let set = self.set().iter().map(|set| format!(", {set}")).collect::<String>();
        format!("protocol {}{epochs}{steps}{set}", self.protocol)
    }

    /// What its runs have otherwise than their recipes say, but for their length and what numbers are computed in.
    fn set(&self) -> Vec<String> {
        let values = self.options.values().unwrap_or_default().into_iter();
        let values = values.filter(|(key, _)| key != "train.epochs" && key != "train.precision");
        values.map(|(key, value)| format!("{key} = {value}")).collect()
    }

    /// Whether runs are as long as the paper's, by the recipes alone.
    pub(super) fn is_whole(&self) -> bool {
        self.protocol == Protocol::Paper
            && self.options.train.epochs.is_none()
            && self.limits.max_steps.is_none()
            && self.set().is_empty()
    }
}

/// A table of recipes that were named one by one.
pub(super) fn columns_of_rows() -> [Column; 2] {
    [BALANCED, HARMONIC].map(|figure| Column { data: "", figure })
}

/// What is printed of a recipe.
pub(super) fn printed_of_row(recipe: &str, figure: &str) -> &'static str {
    printed(recipe, figure).unwrap_or("-")
}

/// A name that a folder may have.
fn plain(name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | '+');
    name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect()
}

/// The folder of a figure.
pub(super) fn figure_folder(root: &Path, name: &str) -> PathBuf {
    root.join(name)
}
