//! Runs on a few small images.

use std::{fs, path::Path};

use longtail::{
    device,
    recipe::RecipeFile,
    report::EpochRecord,
    run,
    train::{Observer, Out, StepReport, Trainer},
};

/// Epochs of a run's first stage.
pub const EPOCHS: usize = 3;

/// What a run said; it is interrupted after so many epochs more.
#[derive(Debug, Default)]
pub struct Told {
    pub notes: Vec<String>,
    pub until: Option<usize>,
    pub epochs: usize,
}

impl Observer for Told {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
    fn step(&mut self, _: &StepReport) {}
    fn epoch(&mut self, _: &EpochRecord) {
        self.epochs += 1;
    }
    fn interrupted(&self) -> bool {
        self.until.is_some_and(|until| self.epochs >= until)
    }
}

/// Four classes of noise around a colour each, 16 x 16.
pub fn images(folder: &Path) {
    let mut state = 9_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 25) as u8
    };
    for (class, count) in [(0_u8, 60), (1, 30), (2, 16), (3, 12)] {
        let class_folder = folder.join(format!("class{class}"));
        fs::create_dir_all(&class_folder).unwrap();
        for image in 0..count {
            let mut file = b"P6 16 16 255\n".to_vec();
            let values = 0..16 * 16 * 3;
            file.extend(values.map(|i: u32| noise() + 40 * u8::from(i % 3 == u32::from(class))));
            fs::write(class_folder.join(format!("{image}.ppm")), file).unwrap();
        }
    }
}

/// The recipe of a method on images in `data`, with `more` laid over it.
pub fn layer(data: &Path, method: &str, more: &str) -> [RecipeFile; 2] {
    let text = format!(
        "[data]\nname = {data:?}\nimage_size = 16\n[method]\nname = \"{method}\"\n\
         [model]\nbackbone = \"resnet8\"\n[optimizer]\nlr = 0.02\n\
         [train]\nepochs = {EPOCHS}\nbatch_size = 8\nseed = 3\n\
         [compression]\npreset = \"fcc-like\"\nthreshold = 0.6\nstart = 1\n"
    );
    [&text, more].map(|text| RecipeFile::parse(text, "this test").unwrap())
}

pub fn start(layers: &[RecipeFile], run: &Path, told: &mut Told) -> Trainer {
    run::start(layers, &Out::At(run.to_owned()), device::cpu(), told).unwrap()
}

pub fn resume(run: &Path, told: &mut Told) -> Trainer {
    run::resume(run, &[], device::cpu(), told).unwrap()
}
