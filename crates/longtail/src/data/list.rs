//! Lists of images: "path label" lines as ImageNet-LT's, or CSV with a header.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use super::{DataError, ImageSet, Loaded, Source, decode::decode_all};

/// The lists of a data set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lists {
    /// Training list.
    pub train: PathBuf,
    /// Validation list.
    pub val: Option<PathBuf>,
    /// Test list.
    pub test: Option<PathBuf>,
    /// Where the lists' paths start; `None`: beside the list, or one folder above it.
    pub root: Option<PathBuf>,
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The image, as the list has it.
    pub path: String,
    /// Its label, as the list has it.
    pub label: String,
    /// Line in the list, from 1.
    pub line: usize,
}

/// A list with every label known and every file found.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPart {
    /// The image files.
    pub paths: Vec<PathBuf>,
    /// The images as the list has them.
    pub names: Vec<String>,
    /// Their labels.
    pub labels: Vec<u32>,
}

/// The lists of a data set with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ListFiles {
    /// Class names by label.
    pub class_names: Vec<String>,
    /// Training images.
    pub train: ListPart,
    /// Validation images.
    pub val: Option<ListPart>,
    /// Test images.
    pub test: Option<ListPart>,
}

/// Reads the images of `lists`, each brought to `size` × `size` pixels, in the order of the lists.
///
/// Labels are numbers from 0 or names; the training list says which there are. Numbered classes are
/// named after their images' folder where that is one to one.
///
/// # Errors
/// [`DataError`] naming the list, the line and the mend.
pub fn load(lists: &Lists, size: usize) -> Result<Loaded, DataError> {
    let files = ListFiles::find(lists)?;
    let mut warnings = Vec::new();
    let mut read = |part: ListPart| -> Result<ImageSet, DataError> {
        let (pixels, said) = decode_all(&part.paths, size)?;
        warnings.extend(said);
        Ok(ImageSet::new(size, size, pixels, part.labels, part.names))
    };
    let pool = read(files.train)?;
    let val = files.val.map(&mut read).transpose()?;
    let test = files.test.map(&mut read).transpose()?;
    let (name, class_names) = (lists.train.display().to_string(), files.class_names);
    Ok(Loaded { source: Source { name, class_names, pool, val, test }, warnings, split: None })
}

impl ListFiles {
    /// Reads the lists and finds their images, without decoding them.
    ///
    /// # Errors
    /// [`DataError::List`] and [`DataError::ListedFile`].
    pub fn find(lists: &Lists) -> Result<Self, DataError> {
        let train = entries(&lists.train)?;
        let labels = Labels::of(&lists.train, &train)?;
        let part = |list: &Option<PathBuf>| {
            let Some(list) = list else { return Ok(None) };
            labels.part(list, entries(list)?, lists.root.as_deref()).map(Some)
        };
        let (val, test) = (part(&lists.val)?, part(&lists.test)?);
        let class_names = labels.names(&train);
        let train = labels.part(&lists.train, train, lists.root.as_deref())?;
        Ok(Self { class_names, train, val, test })
    }
}

/// The entries of a list; a first line with a comma and no number at its end is a CSV header.
fn entries(list: &Path) -> Result<Vec<Entry>, DataError> {
    let text = fs::read_to_string(list).map_err(|error| DataError::io("read", list, error))?;
    let first = text.lines().next().unwrap_or_default();
    let is_csv = first.contains(',') && header_columns(first).is_some();
    let entries = if is_csv { csv_entries(list, &text)? } else { line_entries(list, &text)? };
    if entries.is_empty() {
        return Err(list_error(list, 1, "it names no image"));
    }
    let mut seen = HashMap::new();
    for entry in &entries {
        if let Some(before) = seen.insert(entry.path.as_str(), entry.line) {
            let reason = format!("{} stands in line {before} already: remove one", entry.path);
            return Err(list_error(list, entry.line, &reason));
        }
    }
    Ok(entries)
}

fn list_error(list: &Path, line: usize, reason: &str) -> DataError {
    DataError::List { list: list.to_owned(), line, reason: reason.to_owned() }
}

/// Which columns of a CSV header hold the path and the label.
fn header_columns(header: &str) -> Option<(usize, usize)> {
    let columns: Vec<String> =
        header.split(',').map(|c| c.trim().trim_matches('"').to_ascii_lowercase()).collect();
    let find = |names: &[&str]| columns.iter().position(|column| names.contains(&column.as_str()));
    let path = find(&["path", "file", "filename", "image"])?;
    Some((path, find(&["label", "class", "target"])?))
}

fn csv_entries(list: &Path, text: &str) -> Result<Vec<Entry>, DataError> {
    let header = text.lines().next().unwrap_or_default();
    let Some((path, label)) = header_columns(header) else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    for record in csv::Reader::from_reader(text.as_bytes()).records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, |position| position.line() as usize);
            list_error(list, line, &format!("{error}"))
        })?;
        let line = record.position().map_or(1, |position| position.line() as usize);
        let field = |index: usize| record.get(index).unwrap_or_default().trim().to_owned();
        entries.push(Entry { path: field(path), label: field(label), line });
    }
    Ok(entries)
}

fn line_entries(list: &Path, text: &str) -> Result<Vec<Entry>, DataError> {
    let mut entries = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (path, label) = text.rsplit_once(char::is_whitespace).ok_or_else(|| {
            list_error(list, index + 1, &format!("\"{text}\" is no \"path label\" line"))
        })?;
        let (path, label) = (path.trim_end().to_owned(), label.to_owned());
        entries.push(Entry { path, label, line: index + 1 });
    }
    Ok(entries)
}

/// What labels mean: numbers from 0, or names.
struct Labels {
    names: Option<BTreeMap<String, u32>>,
    classes: usize,
}

impl Labels {
    /// The labels of the training list.
    fn of(list: &Path, train: &[Entry]) -> Result<Self, DataError> {
        let numbers: Option<Vec<usize>> = train.iter().map(|e| e.label.parse().ok()).collect();
        let classes = match numbers {
            None => {
                let numeric = train.iter().filter(|e| e.label.parse::<i64>().is_ok()).count();
                if numeric > 0 {
                    return Err(mixed(list, train));
                }
                let mut names: BTreeMap<String, u32> =
                    train.iter().map(|entry| (entry.label.clone(), 0)).collect();
                names.values_mut().zip(0..).for_each(|(label, number)| *label = number);
                let classes = names.len();
                return at_least_two(list, Self { names: Some(names), classes });
            }
            Some(numbers) => numbers,
        };
        let count = classes.iter().max().map_or(0, |max| max + 1);
        let present: HashSet<usize> = classes.iter().copied().collect();
        let gap = (0..count).find(|class| !present.contains(class));
        if let Some(gap) = gap {
            let reason = format!(
                "no image has label {gap}, though labels go up to {}: number the classes from 0 \
                 without gaps",
                count - 1
            );
            return Err(list_error(list, 1, &reason));
        }
        at_least_two(list, Self { names: None, classes: count })
    }

    fn label(&self, list: &Path, entry: &Entry) -> Result<u32, DataError> {
        let wrong = |what: String| list_error(list, entry.line, &what);
        match &self.names {
            Some(names) => names.get(&entry.label).copied().ok_or_else(|| {
                wrong(format!("class \"{}\" is not in the training list", entry.label))
            }),
            None => match entry.label.parse::<usize>() {
                Ok(label) if label < self.classes => Ok(label as u32),
                _ => Err(wrong(format!(
                    "label \"{}\" is out of range: the training list has labels 0 to {}",
                    entry.label,
                    self.classes - 1
                ))),
            },
        }
    }

    /// Resolves labels and paths.
    fn part(
        &self,
        list: &Path,
        entries: Vec<Entry>,
        root: Option<&Path>,
    ) -> Result<ListPart, DataError> {
        let labels = entries.iter().map(|e| self.label(list, e)).collect::<Result<_, _>>()?;
        let root = root.map_or_else(|| find_root(list, &entries), Path::to_owned);
        let paths: Vec<PathBuf> = entries.iter().map(|entry| root.join(&entry.path)).collect();
        let missing: Vec<usize> = (0..paths.len()).filter(|&i| !paths[i].is_file()).collect();
        if let Some(&first) = missing.first() {
            return Err(DataError::ListedFile {
                list: list.to_owned(),
                line: entries[first].line,
                path: paths[first].clone(),
                more: missing.len() - 1,
            });
        }
        let names = entries.into_iter().map(|entry| entry.path).collect();
        Ok(ListPart { paths, names, labels })
    }

    /// Names given, or the folder of each class's images where that is one to one, or numbers.
    fn names(&self, train: &[Entry]) -> Vec<String> {
        if let Some(names) = &self.names {
            return names.keys().cloned().collect();
        }
        let mut folders: BTreeMap<usize, Option<String>> = BTreeMap::new();
        for entry in train {
            let folder = Path::new(&entry.path).parent().and_then(Path::file_name);
            let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
            let label = entry.label.parse().unwrap_or_default();
            let known = folders.entry(label).or_insert_with(|| folder.clone());
            if *known != folder {
                *known = None;
            }
        }
        let named: Option<Vec<String>> = folders.into_values().collect();
        let unique =
            |names: &Vec<String>| names.iter().collect::<HashSet<_>>().len() == self.classes;
        named.filter(unique).unwrap_or_else(|| (0..self.classes).map(|c| c.to_string()).collect())
    }
}

fn mixed(list: &Path, train: &[Entry]) -> DataError {
    let odd = train.iter().find(|entry| entry.label.parse::<usize>().is_err());
    let (line, label) = odd.map_or((1, ""), |entry| (entry.line, entry.label.as_str()));
    list_error(list, line, &format!("label \"{label}\" is no number from 0, as other lines have"))
}

fn at_least_two(list: &Path, labels: Labels) -> Result<Labels, DataError> {
    match labels.classes {
        0 | 1 => Err(list_error(list, 1, "it has one class, and training needs at least two")),
        _ => Ok(labels),
    }
}

/// Beside the list, or above it if the first image is found only there.
fn find_root(list: &Path, entries: &[Entry]) -> PathBuf {
    let beside = list.parent().unwrap_or(Path::new(""));
    let above = beside.parent().unwrap_or(beside);
    let holds = |root: &Path| entries.first().is_some_and(|e| root.join(&e.path).is_file());
    if !holds(beside) && holds(above) { above.to_owned() } else { beside.to_owned() }
}
