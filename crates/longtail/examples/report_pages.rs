//! Writes the page of made-up runs into a folder, to be looked at: `cargo run --example report_pages -- pages`.

#[path = "../tests/report/sample.rs"]
#[allow(dead_code)]
mod sample;

use std::{error::Error, fs, path::PathBuf};

use longtail::report::html::{ReportInput, save};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the folder to write to")?);
    fs::create_dir_all(&folder)?;
    for (name, summary) in sample::situations() {
        let records = sample::records(&summary);
        let input = ReportInput {
            summary: &summary,
            records: &records,
            recipe: "[method]\nname = \"bcl+rcl\"\n",
            hardware: "2 cores",
        };
        save(&input, folder.join(name).with_extension("html"))?;
    }
    Ok(())
}
