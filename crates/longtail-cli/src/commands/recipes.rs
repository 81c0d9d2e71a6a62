//! The recipes of the repository, which are part of the program.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use longtail::recipe::{RecipeError, RecipeFile};

use crate::{
    args::{RecipesCommand, TrainArgs},
    output::{cannot_write, print_bytes, print_line, print_lines},
};

/// A recipe of the repository.
#[derive(Debug, Clone, Copy)]
struct BuiltIn {
    /// The name of its file without `.toml`.
    name: &'static str,
    /// The file.
    text: &'static str,
}

/// All of them, by name.
const BUILT_IN: &[BuiltIn] = &include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// `longtail recipes …`
pub fn run(command: &RecipesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RecipesCommand::List => print_lines(list()?)?,
        RecipesCommand::Show { name } => print_bytes(find("NAME", name)?.text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipe file at `path`, or the built-in recipe of that name where there is no such file.
pub fn read(path: &Path) -> Result<RecipeFile, RecipeError> {
    if path.exists() {
        return RecipeFile::read(path);
    }
    let recipe = find("--recipe", &path.to_string_lossy())?;
    RecipeFile::parse(recipe.text, recipe.name)
}

/// The built-in recipe of that name.
pub fn of_name(name: &str) -> Option<RecipeFile> {
    let recipe = BUILT_IN.iter().find(|recipe| recipe.name == name)?;
    RecipeFile::parse(recipe.text, recipe.name).ok()
}

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|recipe| recipe.name)
}

/// `longtail train --init-recipe`; `layers` are what was typed beside it.
pub fn init(name: &str, args: &TrainArgs, layers: &[RecipeFile]) -> anyhow::Result<ExitCode> {
    let recipe = find("--init-recipe", name)?;
    if layers.iter().any(|layer| *layer != RecipeFile::default()) {
        let mend = "it writes the recipe as it is: leave the other options out, and edit the file";
        return Err(refused("--init-recipe", name, mend.into()).into());
    }
    let out = args.out.as_deref();
    let path = out.map_or_else(|| PathBuf::from(format!("{}.toml", recipe.name)), Path::to_owned);
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(recipe.text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists already: choose another --out, or remove it", path.display());
        }
        Err(error) => Err(error),
    }
    .with_context(|| cannot_write(&path))?;
    if !args.runtime.quiet {
        print_line(format_args!("{0} is written; train with --recipe {0}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipe of that name; `option` is where it was typed.
fn find(option: &'static str, name: &str) -> Result<BuiltIn, RecipeError> {
    let asked = name.strip_suffix(".toml").unwrap_or(name);
    if let Some(recipe) = BUILT_IN.iter().find(|recipe| recipe.name == asked) {
        return Ok(*recipe);
    }
    // Where a path was typed, its file may be what was meant.
    let file = asked.rsplit(['/', '\\']).next().unwrap_or(asked);
    let nearest =
        BUILT_IN.iter().min_by_key(|recipe| strsim::damerau_levenshtein(recipe.name, file));
    let there = if option == "--recipe" { "there is no such file and no" } else { "there is no" };
    let nearest = nearest.map_or_else(String::new, |recipe| {
        format!("; the nearest is \"{}\" (`longtail recipes list` shows all)", recipe.name)
    });
    let mend = format!("{there} built-in recipe of that name{nearest}");
    Err(refused(option, name, mend))
}

fn refused(option: &'static str, name: &str, mend: String) -> RecipeError {
    RecipeError::Value { key: option.into(), value: name.to_owned(), mend }
}

/// One line a recipe: its name, data, method and what it is.
fn list() -> Result<String, RecipeError> {
    let rows = BUILT_IN.iter().map(|recipe| {
        let file = RecipeFile::parse(recipe.text, recipe.name)?;
        let method = file.method.name.map_or_else(String::new, |method| method.to_string());
        let data = file.data.name.unwrap_or_default();
        Ok([recipe.name.into(), data, method, recipe.what()])
    });
    let rows = rows.collect::<Result<Vec<[String; 4]>, RecipeError>>()?;
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let [name, data, method] = [0, 1, 2].map(width);
    let line = |[n, d, m, what]: &[String; 4]| format!("{n:name$}  {d:data$}  {m:method$}  {what}");
    Ok(rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

impl BuiltIn {
    /// What the field `row` of its head says it is.
    fn what(&self) -> String {
        let head = self.text.lines().map_while(|line| line.strip_prefix('#'));
        let mut field = head.skip_while(|line| !line.starts_with(" row:"));
        let first = field.next().unwrap_or_default().trim_start_matches(" row:").trim();
        let rest = field.take_while(|line| line.starts_with("  ")).map(str::trim);
        std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" ")
    }
}
