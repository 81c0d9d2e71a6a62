//! Puts the repository's recipes into the program, and the commit that it is built at.

use std::{env, error::Error, fmt::Write, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    commit();
    recipes()
}

fn recipes() -> Result<(), Box<dyn Error>> {
    let folder =
        Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../recipes").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
    let mut list = String::from("[\n");
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = file.display().to_string();
        writeln!(list, "    BuiltIn {{ name: {name:?}, text: include_str!({path:?}) }},")?;
    }
    list.push_str("]\n");
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("recipes.rs"), list)?)
}

/// Tells which commit it is, where git knows; what is changed and not committed counts as well.
fn commit() {
    for place in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", place]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=..");
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).map(|commit| {
        let changes =
            git(&["status", "--porcelain", "--untracked-files=no", "--", "..", "../../Cargo.lock"]);
        if changes.is_some() { format!("{commit} with changes") } else { commit }
    });
    println!("cargo::rustc-env=LONGTAIL_COMMIT={}", commit.unwrap_or_default());
}

/// What a command of git prints; `None` where it prints nothing or fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
