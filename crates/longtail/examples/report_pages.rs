//! Writes the page of made-up runs into a folder, to be looked at: `cargo run --example report_pages -- pages`.

#[path = "../tests/report/sample.rs"]
#[allow(dead_code)]
mod sample;

use std::{error::Error, fs, path::PathBuf, time::Instant};

use longtail::report::html::{Details, Published, ReportInput, save};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the folder to write to")?);
    fs::create_dir_all(&folder)?;
    let mut runs: Vec<_> = sample::situations();
    runs.extend([
        ("thousand", sample::summary(1000, 20, true)),
        ("8142", sample::summary(8142, 20, true)),
    ]);
    for (name, summary) in runs {
        let records = sample::records(&summary);
        let analyses = sample::analyses(&summary, 2000);
        let gallery = sample::gallery(&summary, &analyses);
        let published = Published {
            balanced_top1: 0.86,
            source: "Table 3, RCL (ours)".into(),
            epochs: Some(200),
        };
        let details = Details {
            analyses: Some(&analyses),
            gallery: Some(&gallery),
            stages: &[(12, "classifier")],
            published: Some(&published),
            ..Details::default()
        };
        let began = Instant::now();
        let input = ReportInput {
            summary: &summary,
            records: &records,
            recipe: "[method]\nname = \"bcl+rcl\"\n",
            hardware: "2 cores",
            details,
        };
        let path = folder.join(name).with_extension("html");
        save(&input, &path)?;
        let bytes = fs::metadata(path)?.len();
        println!("{name}: {:.2} s, {bytes} bytes", began.elapsed().as_secs_f64());
    }
    Ok(())
}
