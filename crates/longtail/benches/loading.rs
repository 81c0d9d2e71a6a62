//! Loading CIFAR-10 from the archive as downloaded: unpacked, checked against the official content,
//! decoded, and split.
//!
//! `CIFAR10=/folder/cifar-10-binary.tar.gz cargo bench --workspace --bench loading`

use std::{hint::black_box, path::PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use longtail::data::{Cifar, Holdout, Integrity, Listing, Split, SplitRequest};

fn loading(criterion: &mut Criterion) {
    let Some(archive) = std::env::var_os("CIFAR10").map(PathBuf::from) else {
        println!(
            "skipped: the variable CIFAR10 has to name cifar-10-binary.tar.gz or cifar-10-python.tar.gz"
        );
        return;
    };
    let archive = std::path::absolute(archive).expect("the path can be made absolute");
    let mut group = criterion.benchmark_group("loading");
    group.sample_size(10);
    group.bench_function("cifar-10", |bencher| {
        bencher.iter(|| {
            let source =
                Cifar::Ten.load(&archive, Integrity::Official).expect("CIFAR10 is official");
            let request = SplitRequest { imbalance: Some(100.0), seed: 0, holdout: Holdout::Auto };
            black_box(Split::make(&Listing::of(&source), &request).expect("the split can be made"));
        });
    });
    group.finish();
}

criterion_group!(benches, loading);
criterion_main!(benches);
