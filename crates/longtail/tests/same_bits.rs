//! The same seed gives the same weights to the bit, for every method of the time before plans, every precision and implementation of the operators:
//! hashes of weights, running statistics and velocity after 40 steps, those of the second epoch on with compression.
//!
//! They hold for x86-64 Linux: elsewhere logarithms and exponentials may differ in their last bit.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::{collections::BTreeMap, fs};

use longtail::{
    device,
    recipe::RecipeFile,
    report::EpochRecord,
    run,
    train::{Checkpoint, Ending, Limits, Observer, Out, StepReport},
};
use longtail_kernels::{Path, force};
use sha2::{Digest, Sha256};

/// The methods that there were when the hashes were recorded.
const METHODS: [&str; 7] = ["ce", "la", "balanced-softmax", "scl", "bcl", "rcl", "bcl+rcl"];
/// `method precision path` and the hash, one a line.
const HASHES: &str = include_str!("oracles/same_bits.txt");

struct Silent;

impl Observer for Silent {
    fn note(&mut self, _: &str) {}
    fn step(&mut self, _: &StepReport) {}
    fn epoch(&mut self, _: &EpochRecord) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// Four classes of noise around a colour each, 16 x 16.
fn images(folder: &std::path::Path) {
    let mut state = 9_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 25) as u8
    };
    for (class, count) in [(0_u8, 110), (1, 60), (2, 30), (3, 16)] {
        let class_folder = folder.join(format!("class{class}"));
        fs::create_dir_all(&class_folder).unwrap();
        for image in 0..count {
            let mut file = b"P6 16 16 255\n".to_vec();
            file.extend(
                (0..16 * 16 * 3).map(|i: u32| noise() + 40 * u8::from(i % 3 == u32::from(class))),
            );
            fs::write(class_folder.join(format!("{image}.ppm")), file).unwrap();
        }
    }
}

fn recipe(data: &std::path::Path, method: &str, precision: &str) -> RecipeFile {
    let text = format!(
        "[data]\nname = {data:?}\nimage_size = 16\n[method]\nname = \"{method}\"\n\
         [model]\nbackbone = \"resnet8\"\n[loss]\ntau = 1.3\n\
         [views]\nclassifier = \"autoaugment-cutout\"\n[optimizer]\nlr = 0.02\n\
         [train]\nepochs = 6\nbatch_size = 8\nprecision = \"{precision}\"\nseed = 3\n\
         [compression]\npreset = \"fcc-like\"\nthreshold = 0.6\nstart = 1\n"
    );
    RecipeFile::parse(&text, "this test").unwrap()
}

/// Of everything that a run of 40 steps leaves behind.
fn hash(data: &std::path::Path, method: &str, precision: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let out = Out::At(place.path().join("run"));
    let layers = [recipe(data, method, precision)];
    let mut trainer = run::start(&layers, &out, device::cpu(), &mut Silent).unwrap();
    let limits = Limits { max_steps: Some(40) };
    assert_eq!(trainer.run(limits, &mut Silent).unwrap(), Ending::Finished);
    assert_eq!((trainer.progress().step, trainer.progress().epoch), (40, 2));
    let checkpoint = Checkpoint::load(&trainer.folder().checkpoint()).unwrap();
    let mut hash = Sha256::new();
    for (name, weights) in checkpoint.model.iter().chain(&checkpoint.velocity) {
        hash.update(name);
        weights.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn forty_steps_give_the_bits_that_they_gave_before() {
    let known: BTreeMap<&str, &str> =
        HASHES.lines().filter_map(|line| line.rsplit_once(' ')).collect();
    let mut found = String::new();
    let data = tempfile::tempdir().unwrap();
    images(data.path());
    for path in [Path::Avx2, Path::Portable, Path::Composed] {
        if !path.is_available() {
            println!("skipped: this machine does not run {}", path.name());
            continue;
        }
        force(path);
        for precision in ["f32", "bf16"] {
            for method in METHODS {
                let run = format!("{method} {precision} {}", path.name());
                found += &format!("{run} {}\n", hash(data.path(), method, precision));
            }
        }
    }
    if let Some(file) = std::env::var_os("LONGTAIL_WRITE_SAME_BITS") {
        fs::write(file, &found).unwrap();
    }
    for line in found.lines() {
        let (run, hash) = line.rsplit_once(' ').unwrap();
        assert_eq!(known.get(run), Some(&hash), "{run}");
    }
}
