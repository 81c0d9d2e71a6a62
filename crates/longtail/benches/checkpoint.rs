//! How long a checkpoint takes to write and to read, and its checksum's share.
//!
//! `cargo bench --workspace --bench checkpoint`

use std::{hint::black_box, time::Instant};

use longtail::{
    device,
    method::Planner,
    model::weights::{State, state},
    recipe::{Recipe, RecipeFile},
    train::{Checkpoint, Progress, network},
};

const ROUNDS: usize = 101;

/// ResNet-32 with the heads of BCL on 100 classes.
fn weights() -> State {
    let layer = RecipeFile::parse("model.backbone = \"resnet32\"", "bench").expect("a recipe");
    let recipe = Recipe::resolve(&[layer]).expect("a whole recipe").0;
    state(
        &network(&Planner::default(), &recipe, 100, 0, &device::cpu())
            .expect("a network of depth 32"),
    )
}

/// The median of some rounds, in milliseconds.
fn median(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            round();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn main() {
    let model = weights();
    let checkpoint = Checkpoint {
        progress: Progress::new("bench".into(), "bench".into()),
        velocity: model.clone(),
        best: model.clone(),
        model,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [path, previous] = ["last", "previous"].map(|name| folder.path().join(name));
    let write = median(|| checkpoint.save(&path, &previous).expect("a checkpoint is written"));
    let read = median(|| drop(black_box(Checkpoint::load(&path).expect("a checkpoint is read"))));
    let bytes = std::fs::read(&path).expect("the file is there");
    let checksum = median(|| {
        black_box(crc32fast::hash(black_box(&bytes)));
    });
    println!("{} bytes", bytes.len());
    println!("write {write:.3} ms, read {read:.3} ms, checksum {checksum:.3} ms");
    println!("checksum / write {:.4}", checksum / write);
}
