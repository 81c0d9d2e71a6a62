//! What the analysis of a model's outputs takes where there are many classes: 50,000 images of 1,000 classes, and three of
//! each of iNaturalist's 8,142, with features of a CIFAR ResNet and of a ResNet-50.
//!
//! `cargo bench --workspace --bench analysis`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use longtail::eval::{Analysis, EvalOptions, Outputs, Rows};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SETS: [[usize; 3]; 3] = [[50_000, 1000, 64], [24_426, 8142, 64], [24_426, 8142, 2048]];

/// Features around a centre for each class, and logits at random.
fn outputs([images, classes, width]: [usize; 3]) -> Outputs {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut drawn = |count: usize| {
        let number = |_| (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
        (0..count).map(number).collect::<Vec<f32>>()
    };
    let labels: Vec<u32> = (0..images).map(|image| (image % classes) as u32).collect();
    let centres = drawn(classes * width);
    let mut features = drawn(images * width);
    for (row, &label) in features.chunks_exact_mut(width).zip(&labels) {
        let centre = &centres[label as usize * width..][..width];
        row.iter_mut().zip(centre).for_each(|(value, centre)| *value = *value / 4.0 + centre);
    }
    let rows = |values, width| Rows::new(values, width).expect("whole rows");
    let logits = rows(drawn(images * classes), classes);
    Outputs { labels, logits, features: rows(features, width), projections: None }
}

fn analysis(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analysis");
    group.sample_size(10);
    for set in SETS {
        let (outputs, [images, classes, width]) = (outputs(set), set);
        let counts: Vec<usize> = (0..classes).map(|class| 1 + 1000 / (class + 1)).collect();
        let prior = vec![1.0; classes];
        let name = BenchmarkId::from_parameter(format!("{images} x {classes} x {width}"));
        group.bench_with_input(name, &outputs, |bencher, outputs| {
            bencher.iter(|| {
                let made = Analysis::of(outputs, &counts, &prior, &EvalOptions::default());
                black_box(made.expect("the outputs are whole"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);
