//! Views per second on one core, as the loader makes them: 32×32 bytes to normalised values.
//!
//! `cargo bench --workspace --bench views`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longtail::{
    augment::{
        ClassifierConfig, Normalize, PlainConfig, RandAugmentConfig, ResizedCropConfig, Scratch,
        SimConfig, View,
    },
    data::Synthetic,
    rng::{Purpose, stream},
};

/// Views of one measurement, of as many images.
const VIEWS: usize = 1000;

fn views(criterion: &mut Criterion) {
    let images = Synthetic { n_max: 50, ..Synthetic::default() }.source().pool;
    let size = [images.height(), images.width()];
    let mut out = vec![0.0; size[0] * size[1] * 3];
    let mut group = criterion.benchmark_group("views");
    group.throughput(Throughput::Elements(VIEWS as u64));
    for (name, view) in [
        ("test", View::Test),
        ("plain", View::Plain(PlainConfig::default())),
        ("resized-crop", View::ResizedCrop(ResizedCropConfig::default())),
        ("classifier", View::Classifier(ClassifierConfig::default())),
        ("randaugment", View::RandAugment(RandAugmentConfig::default())),
        ("sim", View::Sim(SimConfig::default())),
    ] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut scratch = Scratch::default();
            bencher.iter(|| {
                for i in 0..VIEWS {
                    let mut rng = stream(0, Purpose::View, 0, i as u64, 0);
                    let image = images.raster(i % images.len());
                    let normalize = &Normalize::CIFAR;
                    view.draw(image, size, normalize, &mut rng, &mut scratch, &mut out);
                }
                black_box(&out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, views);
criterion_main!(benches);
