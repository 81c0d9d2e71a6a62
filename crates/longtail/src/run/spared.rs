//! Files that no result may take the place of: a run's own, images, and what a command reads.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::{
    choice::Choice,
    data::{
        decode::{self, FileKind},
        shards,
    },
    report::LogKind,
    train::RunFolder,
};

/// Of what makes a folder a run's, so much has to be there: one file alone may be anybody's.
const TELLING: usize = 2;

/// Refuses to write the file at `path`, which `option` names, in the place of a file that the program itself writes into a
/// run's folder, of an image that is there, or of one of `inputs`. Links are followed.
///
/// # Errors
/// [`RunError::Spared`].
pub fn check_out(option: &'static str, path: &Path, inputs: &[PathBuf]) -> Result<(), RunError> {
    let places = places(path);
    let is_of_run = |file: &PathBuf| file.ancestors().skip(1).any(|folder| owns(folder, file));
    let is_read = |file: &PathBuf| inputs.iter().any(|input| reads(input, file));
    let what = match () {
        () if places.iter().any(is_of_run) => "a file of a run",
        () if path.is_dir() => return Ok(()),
        () if places.iter().any(is_read) => "a file that this command reads",
        () if is_image(path) => "an image",
        () => return Ok(()),
    };
    Err(RunError::Spared { option, path: path.to_owned(), what })
}

/// Where a file is, or would be: under its own name, and what that leads to.
fn places(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok();
    let named = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
    named.into_iter().chain(path.canonicalize().ok()).collect()
}

/// Whether `folder` is that of a run, and `file`, which lies in or below it, one that runs have.
fn owns(folder: &Path, file: &Path) -> bool {
    let run = RunFolder::at(folder);
    let signs = [
        run.recipe().is_file(),
        run.metrics().is_file(),
        run.summary().is_file(),
        run.checkpoint().parent().is_some_and(Path::is_dir),
    ];
    if signs.into_iter().filter(|sign| *sign).count() < TELLING {
        return false;
    }
    // Some file systems take a name in capitals for the same.
    let is = |own: &PathBuf| own.as_os_str().eq_ignore_ascii_case(file.as_os_str());
    let is_log =
        || LogKind::ALL.iter().any(|(kind, ..)| file.starts_with(run.logs().join(kind.name())));
    own_files(&run).iter().any(is) || is_log()
}

/// What the program writes into the folder of a run, but for its logs.
fn own_files(run: &RunFolder) -> Vec<PathBuf> {
    let mut files = vec![
        run.recipe(),
        run.split(),
        run.metrics(),
        run.summary(),
        run.analysis(),
        run.report(),
        run.predictions(),
        run.validation(),
        run.checkpoint(),
        run.previous_checkpoint(),
        run.path().join(".lock"),
    ];
    files.extend(run.embedding());
    files.extend(["last", "best"].map(|which| run.weights(which)));
    files
}

/// Whether a command reads `file` that was told to read `input`: the file itself, or the archives and tables of a folder.
fn reads(input: &Path, file: &Path) -> bool {
    match input.is_dir() {
        true => {
            let is_below = input.canonicalize().is_ok_and(|folder| file.starts_with(folder));
            is_below && shards::is_shard(file) && file.is_file()
        }
        false => places(input).iter().any(|place| place == file),
    }
}

/// Whether an image is at `path`, by its name or by its content.
fn is_image(path: &Path) -> bool {
    path.is_file() && (decode::kind_of(path) != FileKind::Other || decode::size_of(path).is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with a run in `run`.
    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        fs::create_dir_all(run.join("checkpoints")).unwrap();
        fs::create_dir_all(run.join("logs/csv")).unwrap();
        fs::write(run.join("recipe.toml"), "").unwrap();
        place
    }

    fn said(path: &Path, inputs: &[PathBuf]) -> Option<String> {
        check_out("--out", path, inputs).err().map(|error| error.to_string())
    }

    #[test]
    fn files_of_a_run_are_spared_whether_they_are_there_or_not() {
        let place = place();
        let run = place.path().join("run");
        for own in [
            "recipe.toml",
            "summary.json",
            "validation.json",
            "embedding.png",
            "checkpoints/last.safetensors",
            "checkpoints/../Report.html",
            "checkpoints/weights-best.safetensors",
            "logs/csv/metrics.csv",
        ] {
            let said = said(&run.join(own), &[]).unwrap_or_default();
            assert!(said.contains("a file of a run") && said.contains("--out"), "{own}: {said}");
        }
        for free in ["rows.csv", "checkpoints/mine.onnx", "../summary.json", "nowhere/split.json"] {
            assert_eq!(said(&run.join(free), &[]), None, "{free}");
        }
        // One file of that name makes no run.
        fs::write(place.path().join("recipe.toml"), "").unwrap();
        assert_eq!(said(&place.path().join("predictions.csv"), &[]), None);
    }

    #[test]
    fn images_and_what_is_read_are_spared() {
        let place = place();
        let at = |name: &str| place.path().join(name);
        image::RgbImage::new(3, 3).save(at("a.png")).unwrap();
        fs::copy(at("a.png"), at("picture")).unwrap();
        for name in ["list.csv", "part.parquet", "old.txt"] {
            fs::write(at(name), "").unwrap();
        }
        let inputs = [at("list.csv"), at("set.pack"), place.path().to_owned()];
        for (name, what) in [
            ("a.png", "an image"),
            ("picture", "an image"),
            ("list.csv", "this command reads"),
            ("run/../list.csv", "this command reads"),
            ("set.pack", "this command reads"),
            ("part.parquet", "this command reads"),
        ] {
            let said = said(&at(name), &inputs).unwrap_or_default();
            assert!(said.contains(what) && said.contains("another name"), "{name}: {said}");
        }
        for free in ["old.txt", "new.png", "new.parquet", "run", "nowhere/list.csv"] {
            assert_eq!(said(&at(free), &inputs), None, "{free}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_hide_nothing() {
        use std::os::unix::fs::symlink;
        let place = place();
        let at = |name: &str| place.path().join(name);
        fs::write(at("run/summary.json"), "").unwrap();
        symlink(at("run"), at("linked")).unwrap();
        symlink(at("run/summary.json"), at("rows.json")).unwrap();
        for name in ["linked/recipe.toml", "linked/split.json", "rows.json"] {
            assert!(said(&at(name), &[]).is_some(), "{name}");
        }
    }
}
