//! Every format that the program reads, and how it reads it.

use std::{
    fmt::Debug,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use longtail::{
    data::{Cifar, Fitting, Integrity, Lists, Resize, Source, Split, decode, list, pack},
    model::weights::from_safetensors,
    recipe::{Recipe, RecipeFile},
    report::{MetricsLog, Summary},
    train::Checkpoint,
};

/// A format.
#[derive(Clone, Copy)]
pub struct Format {
    pub name: &'static str,
    /// Reads a file's bytes, which it may put into a folder of its own.
    pub read: fn(&[u8], &Path) -> Result<Seen, String>,
}

/// What was read: a hash of it where a changed file must not give anything else.
pub type Seen = Option<u64>;

pub const FORMATS: &[Format] = &[
    Format { name: "jpeg", read: image },
    Format { name: "png", read: image },
    Format { name: "gif", read: image },
    Format { name: "bmp", read: image },
    Format { name: "webp", read: image },
    Format { name: "tiff", read: image },
    Format { name: "pnm", read: image },
    Format { name: "cifar-binary", read: cifar_binary },
    Format { name: "cifar-pickle", read: cifar_pickle },
    Format { name: "cifar-tar", read: cifar_archive },
    Format { name: "pack", read: packed },
    Format { name: "split", read: split },
    Format { name: "recipe", read: recipe },
    Format { name: "list", read: listed },
    Format { name: "csv", read: listed },
    Format { name: "checkpoint", read: checkpoint },
    Format { name: "safetensors", read: safetensors },
    Format { name: "metrics", read: metrics },
    Format { name: "summary", read: summary },
];

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn hash(value: &impl Debug) -> Seen {
    let mut hasher = DefaultHasher::new();
    format!("{value:?}").hash(&mut hasher);
    Some(hasher.finish())
}

/// Writes the file for readers of paths.
fn put(bytes: &[u8], path: &Path) -> Result<(), String> {
    fs::write(path, bytes).map_err(text)
}

fn image(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("image");
    put(bytes, &path)?;
    let size = decode::size_of(&path);
    let image = decode::decode_bytes(bytes)?;
    Fitting::new(32, Resize::Crop).fit(&image)?;
    size?;
    Ok(None)
}

fn cifar(path: &Path) -> Result<Seen, String> {
    Cifar::Ten.load(path, Integrity::Any).map_err(text)?;
    Ok(None)
}

fn cifar_binary(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    put(bytes, &folder.join("cifar-10-batches-bin/data_batch_1.bin"))?;
    cifar(&folder.join("cifar-10-batches-bin"))
}

fn cifar_pickle(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    put(bytes, &folder.join("cifar-10-batches-py/data_batch_1"))?;
    cifar(&folder.join("cifar-10-batches-py"))
}

fn cifar_archive(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("archive");
    put(bytes, &path)?;
    cifar(&path)
}

fn packed(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("photos.pack");
    put(bytes, &path)?;
    if !pack::is_pack(&path) {
        return Err("no pack".into());
    }
    let mut file = RecipeFile::default();
    file.data.name = Some(path.display().to_string());
    let data = Recipe::resolve(&[file]).map_err(text)?.0.into_sections().data;
    pack::header(&path).map_err(text)?;
    let (Source { class_names, pool, val, test, .. }, split) =
        pack::load(&path, &data).map_err(text)?;
    Ok(hash(&(class_names, pool, val, test, split)))
}

fn split(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("split.json");
    put(bytes, &path)?;
    let split = Split::load(&path).map_err(text)?;
    // How the parts were drawn and what the set was called when they were changes no result.
    Ok(hash(&Split { data: String::new(), imbalance: None, split_seed: 0, ..split }))
}

fn recipe(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("recipe.toml");
    put(bytes, &path)?;
    let file = RecipeFile::read(&path).map_err(text)?;
    let recipe = Recipe::resolve(&[file]).map_err(text)?.0;
    recipe.to_toml().map_err(text)?;
    Ok(None)
}

fn listed(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let train = folder.join("list.txt");
    put(bytes, &train)?;
    list::find(&Lists { train, ..Lists::default() }).map_err(text)?;
    Ok(None)
}

fn checkpoint(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("last.safetensors");
    put(bytes, &path)?;
    Ok(hash(&Checkpoint::load(&path).map_err(text)?))
}

fn safetensors(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    from_safetensors(bytes, folder).map_err(text)?;
    Ok(None)
}

fn metrics(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("metrics.jsonl");
    put(bytes, &path)?;
    MetricsLog::read(&path).map_err(text)?;
    MetricsLog::open(&path, 1).map_err(text)?;
    Ok(None)
}

fn summary(bytes: &[u8], folder: &Path) -> Result<Seen, String> {
    let path = folder.join("summary.json");
    put(bytes, &path)?;
    Summary::load(&path).map_err(text)?;
    Ok(None)
}
