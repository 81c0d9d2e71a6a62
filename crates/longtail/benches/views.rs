//! Views per second on one core, as the loader makes them: 32×32 bytes to normalised values, and photographs of 375×500
//! to 224×224.
//!
//! `cargo bench --workspace --bench views`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longtail::{
    augment::{
        ClassifierConfig, Normalize, PlainConfig, RandAugment, RandAugmentConfig, RasterRef,
        ResizedCropConfig, Scratch, SimConfig, View,
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
                    view.draw(&image, size, normalize, &mut rng, &mut scratch, &mut out).unwrap();
                }
                black_box(&out);
            });
        });
    }
    group.finish();
}

/// Views of one measurement of photographs.
const LARGE_VIEWS: usize = 50;

fn large_views(criterion: &mut Criterion) {
    let (height, width) = (375, 500);
    let data: Vec<u8> = (0..height * width * 3)
        .map(|i| ((i / 3 * 7 + i / 1500 * 3 + i % 3 * 90) / 5) as u8)
        .collect();
    let size = [224; 2];
    let mut out = vec![0.0; size[0] * size[1] * 3];
    let mut group = criterion.benchmark_group("large views");
    group.sample_size(10).throughput(Throughput::Elements(LARGE_VIEWS as u64));
    let crop = ResizedCropConfig { scale_min: 0.08, ..ResizedCropConfig::default() };
    let sim = SimConfig { scale_min: 0.08, blur_p: 0.0, ..SimConfig::default() };
    let stack = SimConfig { randaugment: Some(RandAugment::default()), ..sim };
    for (name, view) in [
        ("resized-crop", View::ResizedCrop(crop)),
        ("randaugment", View::RandAugment(RandAugmentConfig::default())),
        ("sim", View::Sim(sim)),
        ("sim and randaugment", View::Sim(stack)),
    ] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut scratch = Scratch::default();
            bencher.iter(|| {
                for i in 0..LARGE_VIEWS {
                    let mut rng = stream(0, Purpose::View, 0, i as u64, 0);
                    let image = RasterRef::new([height, width], &data);
                    let normalize = &Normalize::CIFAR;
                    view.draw(&image, size, normalize, &mut rng, &mut scratch, &mut out).unwrap();
                }
                black_box(&out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, views, large_views);
criterion_main!(benches);
