//! libFuzzer over the reader of one format, which `LONGTAIL_FUZZ` names: `.ci/campaign` builds and runs it.
#![no_main]

mod formats;

use std::{
    env, panic,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use formats::{FORMATS, Format};
use libfuzzer_sys::fuzz_target;

/// The format, and a folder for its reader.
static FORMAT: OnceLock<(&Format, PathBuf)> = OnceLock::new();

fn begin() {
    let name = env::var("LONGTAIL_FUZZ").unwrap_or_default();
    let format = FORMATS.iter().find(|format| format.name == name).expect("LONGTAIL_FUZZ");
    let folder = env::var("LONGTAIL_FUZZ_FOLDER").expect("LONGTAIL_FUZZ_FOLDER");
    FORMAT.get_or_init(|| (format, Path::new(&folder).to_owned()));
    // A panic that the library catches, of a decoder that is not ours, is not one that a person sees.
    panic::set_hook(Box::new(|_| {}));
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    if let Some((format, folder)) = FORMAT.get() {
        let _ = (format.read)(bytes, folder);
    }
});
