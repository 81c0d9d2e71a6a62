use std::{
    fs,
    path::{Path, PathBuf},
};

use longtail::recipe::{Protocol, Recipe, RecipeFile};

/// The fields of a recipe's head, in their order.
const FIELDS: [&str; 6] = ["row", "source", "expected", "time", "differs", "command"];

/// A file of recipes/.
pub struct Entry {
    /// Its name without `.toml`.
    pub name: String,
    /// Field and text of every field of its head.
    pub head: Vec<(String, String)>,
    /// What was typed.
    pub typed: RecipeFile,
    /// What it means.
    pub recipe: Recipe,
    /// What it means under the short protocol.
    pub short: Recipe,
}

impl Entry {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let typed = RecipeFile::read(path).unwrap();
        let (recipe, notes) = Recipe::resolve(std::slice::from_ref(&typed)).unwrap();
        assert!(notes.is_empty(), "{name} leaves a value to follow another: {notes:?}");
        let (short, _) = Recipe::resolve(&[typed.clone(), Protocol::Short.layer()]).unwrap();
        let head = head(&name, &fs::read_to_string(path).unwrap());
        Self { name, head, typed, recipe, short }
    }

    fn is_cifar(&self) -> bool {
        self.recipe.data.name.starts_with("cifar")
    }

    /// The text of a field of the head.
    pub fn field(&self, label: &str) -> &str {
        let field = self.head.iter().find(|(field, _)| field == label);
        &field.unwrap_or_else(|| panic!("{} has no field {label}", self.name)).1
    }

    /// Sees that the head is whole, and that its command runs this file on `data`.
    pub fn check_head(&self, data: &str) {
        let time = self.field("time");
        let measured = time.starts_with(|first: char| first.is_ascii_digit());
        assert!(measured || time == "not measured yet", "{}: {time}", self.name);
        for field in ["row", "source", "expected", "differs"] {
            let text = self.field(field);
            assert!(text.len() > 10 && text.ends_with('.'), "{}: {field}: {text}", self.name);
        }
        let command =
            format!("longtail train --recipe recipes/{}.toml --data-dir {data}", self.name);
        assert_eq!(self.field("command"), command);
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of a file of the repository.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every recipe, by name; each of them parses, resolves, and follows no other value.
pub fn all() -> Vec<Entry> {
    let files = fs::read_dir(root().join("recipes")).unwrap().map(|file| file.unwrap().path());
    let mut recipes: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    recipes.sort();
    assert!(!recipes.is_empty());
    recipes.iter().map(|path| Entry::read(path)).collect()
}

/// Those of the paper's tables on CIFAR.
pub fn cifar() -> Vec<Entry> {
    let mut recipes = all();
    recipes.retain(Entry::is_cifar);
    recipes
}

/// Those of images in lists, which are larger.
pub fn large() -> Vec<Entry> {
    let mut recipes = all();
    recipes.retain(|entry| !entry.is_cifar());
    recipes
}

/// The recipe of this name.
pub fn recipe(name: &str) -> Recipe {
    Entry::read(&root().join(format!("recipes/{name}.toml"))).recipe
}

/// The comment at the beginning: `# field: text`, continued in lines that are indented.
fn head(name: &str, text: &str) -> Vec<(String, String)> {
    let mut head: Vec<(String, String)> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        match (line.strip_prefix("  "), head.last_mut()) {
            (Some(more), Some((_, text))) => *text = format!("{text} {more}"),
            _ => {
                let field = line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line}"));
                head.push((field.0.to_owned(), field.1.to_owned()));
            }
        }
    }
    let fields: Vec<_> = head.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, FIELDS, "{name}");
    head
}
