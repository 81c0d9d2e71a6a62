//! Time of every operator at the shapes of ResNet-32, forward with backward and inference, against Burn's own
//! operators. `LONGTAIL_KERNELS=avx2` and so on choose another path.

use std::hint::black_box;

use burn::tensor::{DType, Device, Distribution, Tensor};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use longtail_kernels::{
    ContrastTerms, ConvBnOptions, Path, active_path, basic_block_eval, basic_block_train, contrast,
    conv_bn_eval, conv_bn_train, force,
};

const IMAGES: usize = 64;
const EPSILON: f64 = 1e-5;
/// Side, channels before and after, stride of a block.
const BLOCKS: [[usize; 4]; 5] =
    [[32, 16, 16, 1], [32, 16, 32, 2], [16, 32, 32, 1], [16, 32, 64, 2], [8, 64, 64, 1]];

fn random<const D: usize>(dims: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::<D>::random(dims, Distribution::Default, &Device::flex().autodiff())
        .cast(dtype)
        .require_grad()
}

/// Calls `bench` with the name of the path and of the type, for the machine's path in both types, and for
/// Burn's operators in f32.
fn each_variant(mut bench: impl FnMut(&str, DType)) {
    let path = Path::active();
    for (dtype, name) in [(DType::F32, "f32"), (DType::BF16, "bf16")] {
        bench(&format!("{} {name}", active_path()), dtype);
    }
    force(Path::Composed);
    bench("composed f32", DType::F32);
    force(path);
}

fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    images: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements(images as u64));
    group
}

fn blocks(criterion: &mut Criterion) {
    for [side, input, output, stride] in BLOCKS {
        let name = format!("block {side}x{side}x{input} to {output}");
        let mut group = group(criterion, &name, IMAGES);
        each_variant(|variant, dtype| {
            let x = random([IMAGES, side, side, input], dtype);
            let weights = [input, output].map(|input| random([output, input, 3, 3], DType::F32));
            let vectors = || [(); 2].map(|()| random([output], DType::F32));
            let (gammas, betas) = (vectors(), vectors());
            group.bench_function(format!("train {variant}"), |bencher| {
                bencher.iter(|| {
                    let (weights, gammas, betas) = (weights.clone(), gammas.clone(), betas.clone());
                    let made =
                        basic_block_train(x.clone(), weights, gammas, betas, stride, EPSILON);
                    black_box(made.output.sum().backward());
                });
            });
            let inner = weights.clone().map(Tensor::inner);
            let one = random([output], DType::F32).inner();
            let norms = [(); 2].map(|()| [(); 4].map(|()| one.clone()));
            group.bench_function(format!("evaluate {variant}"), |bencher| {
                bencher.iter(|| {
                    let x = x.clone().inner();
                    black_box(basic_block_eval(x, inner.clone(), norms.clone(), stride, EPSILON));
                });
            });
        });
    }
}

fn first_layer(criterion: &mut Criterion) {
    let options = ConvBnOptions { stride: 1, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
    let mut group = group(criterion, "layer 32x32x3 to 16", IMAGES);
    each_variant(|variant, dtype| {
        let x = random([IMAGES, 32, 32, 3], dtype).detach();
        let weight = random([16, 3, 3, 3], DType::F32);
        let [gamma, beta] = [(); 2].map(|()| random([16], DType::F32));
        group.bench_function(format!("train {variant}"), |bencher| {
            bencher.iter(|| {
                let (weight, gamma, beta) = (weight.clone(), gamma.clone(), beta.clone());
                let made = conv_bn_train(x.clone(), weight, gamma, beta, None, options);
                black_box(made.output.sum().backward());
            });
        });
        let one = random([16], DType::F32).inner();
        let [a, b, c, d] = [(); 4].map(|()| one.clone());
        let (x, weight) = (x.clone().inner(), weight.clone().inner());
        group.bench_function(format!("evaluate {variant}"), |bencher| {
            bencher.iter(|| {
                let norm = (a.clone(), b.clone(), c.clone(), d.clone());
                let (x, weight) = (x.clone(), weight.clone());
                black_box(conv_bn_eval(x, weight, norm.0, norm.1, norm.2, norm.3, None, options));
            });
        });
    });
}

fn contrastive(criterion: &mut Criterion) {
    const ROWS: usize = 512;
    const CLASSES: usize = 100;
    let mut group = group(criterion, "contrast 512 and 100 of 128", ROWS);
    let columns = ROWS + CLASSES;
    let terms = ContrastTerms {
        temperature: 0.1,
        include_self: false,
        labels: (0..columns as u32).map(|i| i % CLASSES as u32).collect(),
        bias_own: vec![-1.0; columns],
        bias_other: vec![-1.0; columns],
        prior: vec![0.0; ROWS],
        inverse_norm: vec![1.0; ROWS],
        factors: None,
    };
    let unit = |rows: usize| {
        let z = random([rows, 128], DType::F32).inner();
        let norm = z.clone().powi_scalar(2).sum_dim(1).sqrt();
        Tensor::<2>::from_inner(z / norm).require_grad()
    };
    for path in [Path::active(), Path::Composed] {
        force(path);
        let (z, prototypes) = (unit(ROWS), unit(CLASSES));
        group.bench_function(path.name(), |bencher| {
            bencher.iter(|| {
                let loss = contrast(z.clone(), Some(prototypes.clone()), terms.clone());
                black_box(loss.backward());
            });
        });
    }
}

criterion_group!(benches, blocks, first_layer, contrastive);
criterion_main!(benches);
