//! Whole runs on the GPU, and between devices.

use std::path::Path;

use burn::tensor::FloatDType;
use image::{Rgb, RgbImage};
use longtail::{
    device::{self, Device},
    recipe::RecipeFile,
    report::EpochRecord,
    run,
    train::{Ending, Limits, Observer, Out, StepReport, Trainer},
};

use crate::{gpu, skipped};

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    steps: Vec<StepReport>,
    notes: Vec<String>,
}

impl Observer for Told {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn step(&mut self, step: &StepReport) {
        self.steps.push(step.clone());
    }

    fn epoch(&mut self, _: &EpochRecord) {}

    fn interrupted(&self) -> bool {
        false
    }
}

/// Three classes of 8 by 8 images, each of its own colour.
fn write_images(root: &Path) {
    for (part, counts) in [("train", [12, 6, 3]), ("test", [2, 2, 2])] {
        for (class, count) in counts.into_iter().enumerate() {
            let folder = root.join(part).join(format!("class{class}"));
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let image = RgbImage::from_fn(8, 8, |x, y| {
                    let mut pixel = [(x * 9 + number) as u8, (y * 7) as u8, (x * y + number) as u8];
                    pixel[class] = 200;
                    Rgb(pixel)
                });
                image.save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
}

fn recipe(root: &Path, precision: &str) -> RecipeFile {
    recipe_of(root, "bcl+rcl", precision)
}

fn recipe_of(root: &Path, method: &str, precision: &str) -> RecipeFile {
    let text = format!(
        "data.name = {:?}\ndata.val = 0\ndata.image_size = 8\nmethod.name = \"{method}\"\n\
         model.backbone = \"resnet8\"\nmodel.head_hidden = 16\nmodel.head_out = 8\n\
         train.batch_size = 4\ntrain.epochs = 3\ntrain.precision = \"{precision}\"\n\
         train.drop_last = true\noptimizer.lr = 0.05\nschedule.warmup = 0\n",
        root.display().to_string()
    );
    RecipeFile::parse(&text, "the test").unwrap()
}

/// A run up to `steps`, started or gone on with.
fn train(
    root: &Path,
    out: &str,
    precision: &str,
    device: &Device,
    steps: u64,
    told: &mut Told,
) -> Trainer {
    let out = root.join(out);
    let mut trainer = match out.exists() {
        true => run::resume(&out, &[], device.clone(), told).unwrap(),
        false => {
            run::start(&[recipe(root, precision)], &Out::At(out), device.clone(), told).unwrap()
        }
    };
    let limits = Limits { max_steps: Some(steps) };
    assert_eq!(trainer.run(limits, told).unwrap(), Ending::Finished);
    assert_eq!(trainer.progress().step, steps);
    trainer
}

/// Sums of the epoch under way, which has begun.
fn sums(trainer: &Trainer) -> [f64; 3] {
    assert!(trainer.progress().batch > 0, "an epoch's end leaves no sums");
    let sums = &trainer.progress().sums;
    let part = |name: &str| sums.parts.get(name).unwrap();
    [sums.loss, part("classifier"), part("contrastive")]
}

#[track_caller]
fn close(actual: [f64; 3], expected: [f64; 3], tolerance: f64) {
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() <= tolerance * e.abs(), "{actual:?} is not {expected:?}");
    }
}

/// Steps are few, so that differences of rounding stay small.
#[test]
fn a_run_moves_between_devices() {
    let Some((gpu, _alone)) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_images(root);
    let cpu = device::cpu();
    let mut told = Told::default();
    let on_cpu = train(root, "cpu", "f32", &cpu, 4, &mut told);
    assert!(told.notes.iter().all(|note| !note.contains("operators")), "{:?}", told.notes);
    for (name, first, second) in [("gpu-cpu", &gpu, &cpu), ("cpu-gpu", &cpu, &gpu)] {
        let mut told = Told::default();
        train(root, name, "f32", first, 2, &mut told);
        let moved = train(root, name, "f32", second, 4, &mut told);
        close(sums(&moved), sums(&on_cpu), 1e-2);
        let said = told.notes.iter().any(|note| note.contains("goes on with"));
        assert!(said, "{:?}", told.notes);
    }
}

#[test]
fn a_run_on_a_gpu_counts_all_steps() {
    let Some((gpu, _alone)) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_images(root);
    let mut told = Told::default();
    let mut trainer = train(root, "run", "f32", &gpu, 3, &mut told);
    // The first step alone, and at the end, unless the device is so slow that it is looked at between.
    let done: Vec<u64> = told.steps.iter().map(|step| step.done).collect();
    assert!(done == [1, 3] || done == [1, 2, 3], "{done:?}");
    let sums = &trainer.progress().sums;
    assert_eq!(sums.images, 12);
    assert!(sums.correct <= 12 && sums.waited < sums.seconds);
    let mut on_cpu = Told::default();
    train(root, "cpu", "f32", &device::cpu(), 3, &mut on_cpu);
    let last = |told: &Told| told.steps.last().map(|s| [s.loss, s.parts[0].1, s.parts[1].1]);
    close(last(&told).unwrap(), last(&on_cpu).unwrap(), 1e-2);
    let results = trainer.results().unwrap();
    trainer.write_results(&results, &mut told).unwrap();
    let report = std::fs::read_to_string(trainer.folder().report()).unwrap();
    assert!(report.contains(device::operators(&gpu)), "the report names the device");
}

#[test]
fn lower_precisions_train_where_the_device_has_them() {
    let Some((gpu, _alone)) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_images(root);
    let mut told = Told::default();
    let exact = sums(&train(root, "f32", "f32", &device::cpu(), 1, &mut told));
    for (precision, dtype) in [("bf16", FloatDType::BF16), ("f16", FloatDType::F16)] {
        if gpu.supports_dtype(dtype) {
            // The run is let go of here: it has one writer at a time.
            let first = sums(&train(root, precision, precision, &gpu, 1, &mut told));
            close(first, exact, 3e-2);
            // Goes on with the state of its loss scaling; its weights stay numbers.
            train(root, precision, precision, &gpu, 6, &mut told);
            continue;
        }
        skipped(&format!("this device does not compute in {precision}"));
        let out = root.join(precision);
        let error =
            run::start(&[recipe(root, precision)], &Out::At(out.clone()), gpu.clone(), &mut told)
                .err()
                .unwrap();
        assert!(error.to_string().contains("choose another --precision"), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn a_method_without_contrast_trains_too_and_smaller_last_batches_count_as_such() {
    let Some((gpu, _alone)) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_images(root);
    let on = |device: &Device, out: &str| {
        let mut told = Told::default();
        let mut recipe = recipe_of(root, "ce", "f32");
        recipe.train.batch_size = Some(8);
        recipe.train.drop_last = Some(false);
        let out = root.join(out);
        let mut trainer = run::start(&[recipe], &Out::At(out), device.clone(), &mut told).unwrap();
        // 21 images: two batches of 8 and one of 5, and then the epoch's line.
        trainer.run(Limits { max_steps: Some(4) }, &mut told).unwrap();
        assert!(told.steps.iter().all(|step| step.parts.len() == 1));
        let log = std::fs::read_to_string(trainer.folder().metrics()).unwrap();
        let epoch: EpochRecord = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        (epoch.loss, epoch.train_accuracy.unwrap())
    };
    let (on_gpu, on_cpu) = (on(&gpu, "gpu"), on(&device::cpu(), "cpu"));
    assert!((on_gpu.0 - on_cpu.0).abs() < 1e-2 * on_cpu.0, "{on_gpu:?} is not {on_cpu:?}");
    assert!((on_gpu.1 - on_cpu.1).abs() < 0.1 && on_gpu.1 <= 1.0, "{on_gpu:?} is not {on_cpu:?}");
}
