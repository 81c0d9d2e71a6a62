//! Calls of the program that touch a folder, counted and made to fail: `shim.c`, compiled and loaded before it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The program dies before it.
    Kill,
    /// It dies after half of the bytes of a write, before any other call.
    Torn,
    /// It fails with an error of the disk, once.
    Error,
    /// From there on, all that needs room fails.
    Full,
    /// From there on, every write writes half.
    Short,
    /// It never ends.
    Wait,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Torn => "torn",
            Self::Error => "eio",
            Self::Full => "full",
            Self::Short => "short",
            Self::Wait => "wait",
        }
    }
}

/// Has `deed` done at the call `at` that touches `folder`; with 0 nothing is. `log` gets a line for every call.
pub fn arm(command: &mut Command, folder: &Path, at: usize, deed: Deed, log: Option<&Path>) {
    command.env("LD_PRELOAD", library()).env("FAULT_UNDER", folder);
    command.env("FAULT_AT", at.to_string()).env("FAULT_DO", deed.name());
    if let Some(log) = log {
        command.env("FAULT_LOG", log);
    }
}

fn library() -> PathBuf {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("shim.so"));
        assert!(compiler.arg(source).arg("-ldl").status().unwrap().success(), "cc fails");
        folder
    });
    built.path().join("shim.so")
}
