//! Every operator on every path against the composed one in f64, on random shapes, gradients
//! included.

use std::sync::Mutex;

use burn::tensor::{DType, Device, Tensor, TensorData};
use longtail_kernels::{
    Algorithm, ConvBnOptions, EvalBlock, Path, algorithm, basic_block_eval, basic_block_train,
    basic_blocks_eval, composed, conv_bn_eval, conv_bn_train, force,
};
use proptest::prelude::*;

/// The path is the process's: one test at a time chooses it.
static PATH: Mutex<()> = Mutex::new(());

const EPSILON: f64 = 1e-5;

/// The paths with kernels that this machine can run.
fn paths() -> Vec<Path> {
    let fast = Path::ALL.into_iter().filter(|path| *path != Path::Composed);
    fast.filter(|path| path.is_available()).collect()
}

/// Calls `check` once per path.
fn on_every_path(mut check: impl FnMut(Path)) {
    let _one = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in paths() {
        force(path);
        assert_eq!(longtail_kernels::active_path(), path.name());
        check(path);
    }
}

/// Values in ±1, a function of their position and `salt`.
fn values(count: usize, salt: u64) -> Vec<f64> {
    let mix = |i: usize| {
        let mut x =
            (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32);
        x ^= x >> 31;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 29;
        (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    // Values of f32, so that both sides start from the same numbers.
    (0..count).map(|i| f64::from(mix(i) as f32)).collect()
}

/// A tensor that gradients are asked of.
fn leaf<const D: usize>(dims: [usize; D], salt: u64, dtype: DType, shift: f64) -> Tensor<D> {
    let count = dims.iter().product();
    let values: Vec<f64> = values(count, salt).into_iter().map(|v| v + shift).collect();
    let data = TensorData::new(values, dims).convert_dtype(dtype);
    Tensor::from_data(data, (&Device::flex().autodiff(), dtype)).require_grad()
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert_dtype(DType::F64).try_into_vec().unwrap()
}

/// `|a − b| ≤ tolerance · (1 + |b|)` everywhere.
fn assert_near(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}[{i}]: {a} and {b}");
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    images: usize,
    height: usize,
    width: usize,
    input: usize,
    output: usize,
    kernel: [usize; 2],
    options: ConvBnOptions,
    residual: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let kernel = (1..=4_usize, 1..=4_usize);
    (
        (1..=5_usize, 1..=9_usize, 1..=19_usize, kernel),
        (1..=20_usize, prop_oneof![1..=3_usize, Just(16), Just(32), Just(48)]),
        (1..=3_usize, 0..=3_usize, prop_oneof![Just(1_usize), Just(2)]),
        (any::<bool>(), any::<bool>()),
    )
        .prop_filter_map(
            "no output is left",
            |(
                (images, height, width, (kernel_height, kernel_width)),
                (input, output),
                (stride, padding, groups),
                (relu, residual),
            )| {
                let (input, output) = match groups {
                    1 => (input, output),
                    _ => (2 * input.div_ceil(2), 2 * output.div_ceil(2)),
                };
                let options = ConvBnOptions { stride, padding, groups, relu, epsilon: EPSILON };
                let fits =
                    height + 2 * padding >= kernel_height && width + 2 * padding >= kernel_width;
                let kernel = [kernel_height, kernel_width];
                fits.then_some(Case {
                    images,
                    height,
                    width,
                    input,
                    output,
                    kernel,
                    options,
                    residual,
                })
            },
        )
        // The variance of one value is 0, and its inverse magnifies rounding 300 times.
        .prop_filter("one value per channel", |case| count(case) > 3)
}

/// Convolutions that run by Winograd's algorithm on every path.
fn winograd_cases() -> impl Strategy<Value = Case> {
    let images = prop_oneof![4 => 1..=5_usize, 1 => 30..=40_usize];
    let channels = || (1..=3_usize).prop_map(|vectors| 16 * vectors);
    ((images, 1..=3_usize, 1..=4_usize), (channels(), channels()), (any::<bool>(), any::<bool>()))
        .prop_map(|((images, down, across), (input, output), (relu, residual))| Case {
            images,
            height: 4 * down,
            width: 4 * across,
            input,
            output,
            kernel: [3, 3],
            options: ConvBnOptions { stride: 1, padding: 1, groups: 1, relu, epsilon: EPSILON },
            residual,
        })
}

fn algorithm_of(case: &Case) -> Algorithm {
    let tensor = |dims: [usize; 4]| Tensor::<4>::zeros(dims, &Device::flex());
    let x = tensor([case.images, case.height, case.width, case.input]);
    let [height, width] = case.kernel;
    algorithm(&x, &tensor([case.output, case.input, height, width]), case.options)
}

fn size(case: &Case) -> [usize; 2] {
    let along = |length: usize, kernel: usize| {
        (length + 2 * case.options.padding - kernel) / case.options.stride + 1
    };
    [along(case.height, case.kernel[0]), along(case.width, case.kernel[1])]
}

fn count(case: &Case) -> usize {
    case.images * size(case).iter().product::<usize>()
}

/// The type of the parameters that go with activations of `dtype`.
fn of_parameters(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}

/// Output, mean, variance, and the gradients of a weighted sum of the output.
fn run_conv_bn(case: &Case, dtype: DType, fast: bool) -> Vec<(&'static str, Vec<f64>)> {
    let Case { images, height, width, input, output, kernel, options, .. } = *case;
    let [rows, columns] = size(case);
    let wide = of_parameters(dtype);
    let x = leaf([images, height, width, input], 1, dtype, 0.0);
    let weight = leaf([output, input / options.groups, kernel[0], kernel[1]], 2, wide, 0.0);
    let gamma = leaf([output], 3, wide, 1.5);
    let beta = leaf([output], 4, wide, 0.0);
    let residual = case.residual.then(|| leaf([images, rows, columns, output], 5, dtype, 0.0));
    let op = if fast { conv_bn_train } else { composed::conv_bn_train };
    let made =
        op(x.clone(), weight.clone(), gamma.clone(), beta.clone(), residual.clone(), options);
    let pull = leaf([images, rows, columns, output], 6, dtype, 0.0).detach();
    let gradients = (made.output.clone() * pull).sum().backward();
    let mut all = vec![
        ("output", to_vec(made.output.inner())),
        ("mean", to_vec(made.mean.inner())),
        ("variance", to_vec(made.variance.inner())),
        ("x", to_vec(x.grad(&gradients).unwrap())),
        ("weight", to_vec(weight.grad(&gradients).unwrap())),
        ("gamma", to_vec(gamma.grad(&gradients).unwrap())),
        ("beta", to_vec(beta.grad(&gradients).unwrap())),
    ];
    all.extend(residual.map(|r| ("residual", to_vec(r.grad(&gradients).unwrap()))));
    all
}

/// Relative to the largest value: f32 against f64, and bf16 against the composed operator in bf16,
/// where a sum on the edge between two values may be rounded either way.
const F32: f64 = 2e-4;
const BF16: f64 = 1.0 / 64.0;

fn compare(
    fast: &[(&'static str, Vec<f64>)],
    reference: &[(&'static str, Vec<f64>)],
    tolerance: f64,
    path: Path,
    case: &dyn std::fmt::Debug,
) {
    for ((name, fast), (_, reference)) in fast.iter().zip(reference) {
        let largest = reference.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        let what = format!("{name} on {} of {case:?}", path.name());
        assert_near(fast, reference, tolerance * largest, &what);
        if tolerance == BF16 {
            // Few values differ by more than a rounding.
            let apart = |(a, b): (&f64, &f64)| (a - b).powi(2);
            let square = fast.iter().zip(reference).map(apart).sum::<f64>() / fast.len() as f64;
            assert!(square.sqrt() < largest / 256.0, "{what}: {}", square.sqrt() / largest);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn conv_bn_is_the_composed_one(case in cases()) {
        let reference = run_conv_bn(&case, DType::F64, false);
        // A value this near to 0 may fall on either side of the ReLU.
        prop_assume!(!near_a_kink(&case, &reference));
        on_every_path(|path| {
            compare(&run_conv_bn(&case, DType::F32, true), &reference, F32, path, &case);
        });
    }

    #[test]
    fn conv_bn_in_bf16_is_the_composed_one(case in cases()) {
        let case = Case { options: ConvBnOptions { groups: 1, relu: false, ..case.options }, ..case };
        let reference = run_conv_bn(&case, DType::BF16, false);
        prop_assume!(reference[2].1.iter().all(|variance| *variance > 0.05));
        on_every_path(|path| {
            compare(&run_conv_bn(&case, DType::BF16, true), &reference, BF16, path, &case);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn winograds_conv_bn_is_the_composed_one(case in winograd_cases()) {
        let reference = run_conv_bn(&case, DType::F64, false);
        prop_assume!(!near_a_kink(&case, &reference));
        on_every_path(|path| {
            assert_eq!(algorithm_of(&case), Algorithm::Winograd);
            compare(&run_conv_bn(&case, DType::F32, true), &reference, F32, path, &case);
        });
    }

    #[test]
    fn winograds_conv_bn_in_bf16_is_the_composed_one(case in winograd_cases()) {
        let case = Case { options: ConvBnOptions { relu: false, ..case.options }, ..case };
        let reference = run_conv_bn(&case, DType::BF16, false);
        on_every_path(|path| {
            assert_eq!(algorithm_of(&case), Algorithm::Winograd);
            compare(&run_conv_bn(&case, DType::BF16, true), &reference, BF16, path, &case);
        });
    }
}

fn near_a_kink(case: &Case, reference: &[(&'static str, Vec<f64>)]) -> bool {
    let without = Case { options: ConvBnOptions { relu: false, ..case.options }, ..*case };
    let smallest_variance = reference[2].1.iter().fold(f64::MAX, |a, b| a.min(*b));
    let flat = smallest_variance < 1e-3;
    let output = &run_conv_bn(&without, DType::F64, false)[0].1;
    flat || case.options.relu && output.iter().any(|v| v.abs() < 1e-5)
}

/// Images, side, channels before and after, stride of a block; the algorithms of its convolutions.
type Block = ((usize, usize, usize, usize, usize), [Algorithm; 2]);

/// The shapes of ResNet-32 and around, some of them larger than a chunk of images.
const BLOCKS: [Block; 12] = {
    use Algorithm::{Direct, Winograd};
    [
        ((2, 32, 16, 16, 1), [Winograd, Winograd]),
        ((1, 16, 32, 32, 1), [Winograd, Winograd]),
        ((11, 8, 64, 64, 1), [Winograd, Winograd]),
        ((37, 4, 64, 64, 1), [Winograd, Winograd]),
        ((2, 32, 16, 32, 2), [Direct, Winograd]),
        ((34, 8, 32, 64, 2), [Direct, Winograd]),
        ((37, 6, 32, 32, 1), [Direct, Direct]),
        ((2, 5, 64, 64, 1), [Direct, Direct]),
        ((1, 2, 16, 16, 1), [Direct, Direct]),
        ((2, 7, 16, 32, 2), [Direct, Winograd]),
        ((34, 4, 32, 64, 2), [Direct, Direct]),
        ((3, 12, 48, 48, 1), [Winograd, Winograd]),
    ]
};

/// The algorithms of a block's convolutions on the active path.
fn algorithms(
    (images, side, input, output, stride): (usize, usize, usize, usize, usize),
) -> [Algorithm; 2] {
    let options =
        |stride| ConvBnOptions { stride, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
    let tensor = |dims: [usize; 4]| Tensor::<4>::zeros(dims, &Device::flex());
    let after = (side - 1) / stride + 1;
    let hidden = tensor([images, after, after, output]);
    [
        algorithm(
            &tensor([images, side, side, input]),
            &tensor([output, input, 3, 3]),
            options(stride),
        ),
        algorithm(&hidden, &tensor([output, output, 3, 3]), options(1)),
    ]
}

#[test]
fn blocks_are_the_composed_ones() {
    for (case, expected) in BLOCKS {
        let reference = run_block(case, DType::F64, false);
        on_every_path(|path| {
            assert_eq!(algorithms(case), expected, "{case:?} on {}", path.name());
            compare(&run_block(case, DType::F32, true), &reference, F32, path, &case);
        });
    }
    let outside = (2, 6, 10, 20, 1);
    on_every_path(|_| assert_eq!(algorithms(outside), [Algorithm::Composed; 2]));
}

/// Root of the mean square of what differs, over that of the reference.
fn apart(fast: &[f64], reference: &[f64]) -> f64 {
    assert_eq!(fast.len(), reference.len());
    let square: f64 = reference.iter().map(|r| r * r).sum();
    let apart: f64 = fast.iter().zip(reference).map(|(f, r)| (f - r).powi(2)).sum();
    (apart / square).sqrt()
}

#[test]
fn blocks_in_bf16_lose_no_more_than_the_composed_ones() {
    for (case, _) in BLOCKS {
        let reference = run_block(case, DType::F64, false);
        let composed = run_block(case, DType::BF16, false);
        on_every_path(|path| {
            let fast = run_block(case, DType::BF16, true);
            for (((name, fast), (_, composed)), (_, reference)) in
                fast.iter().zip(&composed).zip(&reference)
            {
                let [lost, allowed] = [fast, composed].map(|found| apart(found, reference));
                let what = format!("{name} on {} of {case:?}", path.name());
                assert!(lost < 1.5 * allowed, "{what}: {lost}, composed {allowed}");
            }
        });
    }
}

#[test]
fn inference_in_bf16_loses_no_more_than_the_composed_one() {
    for (dims, channels, stride) in [([9, 8, 8, 16], 16, 1), ([5, 8, 12, 16], 32, 2)] {
        let stage = |dtype: DType, fast: bool| {
            let wide = of_parameters(dtype);
            let block = |i: u64| EvalBlock {
                weights: [if i == 0 { dims[3] } else { channels }, channels].map(|input| {
                    leaf([channels, input, 3, 3], 50 + i + input as u64, wide, 0.0).inner()
                }),
                norms: [70 + i, 80 + i].map(|salt| {
                    [(0, 1.5), (10, 0.0), (20, 0.0), (30, 1.5)]
                        .map(|(j, shift)| leaf([channels], salt + j, wide, shift).inner())
                }),
            };
            let x = leaf(dims, 49, dtype, 0.0).inner();
            let op = if fast { basic_blocks_eval } else { composed::basic_blocks_eval };
            to_vec(op(x, (0..4).map(block).collect(), stride, EPSILON))
        };
        let reference = stage(DType::F64, false);
        let allowed = apart(&stage(DType::BF16, false), &reference);
        on_every_path(|path| {
            let lost = apart(&stage(DType::BF16, true), &reference);
            assert!(lost < 1.5 * allowed, "{}: {lost}, composed {allowed}", path.name());
        });
    }
}

fn run_block(
    (images, side, input, output, stride): (usize, usize, usize, usize, usize),
    dtype: DType,
    fast: bool,
) -> Vec<(&'static str, Vec<f64>)> {
    let x = leaf([images, side, side, input], 11, dtype, 0.0);
    let dtype = of_parameters(dtype);
    let weights =
        [leaf([output, input, 3, 3], 12, dtype, 0.0), leaf([output, output, 3, 3], 13, dtype, 0.0)];
    let gammas = [14, 15].map(|salt| leaf([output], salt, dtype, 1.5));
    let betas = [16, 17].map(|salt| leaf([output], salt, dtype, 0.0));
    let op = if fast { basic_block_train } else { composed::basic_block_train };
    let made = op(x.clone(), weights.clone(), gammas.clone(), betas.clone(), stride, EPSILON);
    let pull = leaf(made.output.dims(), 18, made.output.dtype(), 0.0).detach();
    let gradients = (made.output.clone() * pull).sum().backward();
    let of = |tensor: &Tensor<1>| to_vec(tensor.grad(&gradients).unwrap());
    vec![
        ("output", to_vec(made.output.inner())),
        ("mean 1", to_vec(made.first.0.inner())),
        ("variance 1", to_vec(made.first.1.inner())),
        ("mean 2", to_vec(made.second.0.inner())),
        ("variance 2", to_vec(made.second.1.inner())),
        ("x", to_vec(x.grad(&gradients).unwrap())),
        ("weight 1", to_vec(weights[0].grad(&gradients).unwrap())),
        ("weight 2", to_vec(weights[1].grad(&gradients).unwrap())),
        ("gamma 1", of(&gammas[0])),
        ("gamma 2", of(&gammas[1])),
        ("beta 1", of(&betas[0])),
        ("beta 2", of(&betas[1])),
    ]
}

#[test]
fn inference_is_the_composed_one() {
    let plain = |dims: [usize; 4], salt: u64, dtype: DType| leaf(dims, salt, dtype, 0.0).inner();
    let norm = |channels: usize, salt: u64, dtype: DType| -> [Tensor<1>; 4] {
        [(0, 1.5), (1, 0.0), (2, 0.0), (3, 1.5)]
            .map(|(i, shift)| leaf([channels], salt + i, dtype, shift).inner())
    };
    let options = ConvBnOptions { stride: 2, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
    let layer = |dtype: DType, fast: bool| {
        let [gamma, beta, mean, variance] = norm(32, 23, dtype);
        let op = if fast { conv_bn_eval } else { composed::conv_bn_eval };
        let (x, weight) = (plain([35, 7, 9, 5], 21, dtype), plain([32, 5, 3, 3], 22, dtype));
        let residual = Some(plain([35, 4, 5, 32], 29, dtype));
        to_vec(op(x, weight, gamma, beta, mean, variance, residual, options))
    };
    let block = |dtype: DType, fast: bool| {
        let op = if fast { basic_block_eval } else { composed::basic_block_eval };
        let weights = [plain([32, 16, 3, 3], 31, dtype), plain([32, 32, 3, 3], 32, dtype)];
        let norms = [norm(32, 33, dtype), norm(32, 37, dtype)];
        to_vec(op(plain([3, 8, 6, 16], 30, dtype), weights, norms, 2, EPSILON))
    };
    let stages = |dtype: DType, fast: bool| {
        let op = if fast { basic_blocks_eval } else { composed::basic_blocks_eval };
        [([9, 8, 8, 16], 16, 1), ([5, 8, 12, 16], 32, 2), ([35, 5, 4, 32], 32, 1)].map(
            |(dims, channels, stride)| {
                let blocks = (0..4).map(|i: u64| {
                    let input = if i == 0 { dims[3] } else { channels };
                    let weights = [
                        plain([channels, input, 3, 3], 50 + i, dtype),
                        plain([channels, channels, 3, 3], 60 + i, dtype),
                    ];
                    EvalBlock {
                        weights,
                        norms: [norm(channels, 70 + i, dtype), norm(channels, 80 + i, dtype)],
                    }
                });
                to_vec(op(plain(dims, 49, dtype), blocks.collect(), stride, EPSILON))
            },
        )
    };
    let references =
        (layer(DType::F64, false), block(DType::F64, false), stages(DType::F64, false));
    on_every_path(|path| {
        // Sums cancel: an error is as small as the largest value allows, not the value itself.
        let singles =
            [(layer(DType::F32, true), &references.0), (block(DType::F32, true), &references.1)];
        for (fast, reference) in
            singles.into_iter().chain(stages(DType::F32, true).into_iter().zip(&references.2))
        {
            let largest = reference.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
            assert_near(&fast, reference, 1e-6 * largest, path.name());
        }
    });
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    on_every_path(|path| {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cases = [(37, 6, 32, 32, 1), (11, 8, 64, 64, 1), (34, 8, 32, 64, 2)];
            let both = |case| [DType::F32, DType::BF16].map(|dtype| run_block(case, dtype, true));
            pool.install(|| cases.map(both))
        };
        let one = with(1);
        for threads in [2, 5] {
            assert!(with(threads) == one, "{threads} threads on {}", path.name());
        }
    });
}

#[test]
fn what_is_no_number_stays_so() {
    on_every_path(|path| {
        let x = Tensor::<4>::full([1, 4, 4, 16], f32::NAN, &Device::flex().autodiff());
        let weight = leaf([16, 16, 3, 3], 1, DType::F32, 0.0);
        let [gamma, beta] = [1, 2].map(|salt| leaf([16], salt, DType::F32, 0.0));
        let options =
            ConvBnOptions { stride: 1, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
        let made = conv_bn_train(x, weight, gamma, beta, None, options);
        assert!(to_vec(made.output.inner()).iter().all(|v| v.is_nan()), "{}", path.name());
    });
}

#[test]
fn what_the_kernels_do_not_take_is_composed() {
    on_every_path(|path| {
        let options =
            ConvBnOptions { stride: 1, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
        let run = |op: fn(_, _, _, _, _, _) -> longtail_kernels::ConvBnTrain| {
            let x = leaf([2, 4, 4, 16], 1, DType::BF16, 0.0);
            let weight = leaf([16, 16, 3, 3], 2, DType::F32, 0.0);
            let [gamma, beta] = [3, 4].map(|salt| leaf([16], salt, DType::F32, 1.0));
            let residual = leaf([2, 4, 4, 16], 5, DType::F32, 0.0);
            to_vec(op(x, weight, gamma, beta, Some(residual), options).output.inner())
        };
        assert_eq!(run(conv_bn_train), run(composed::conv_bn_train), "{}", path.name());
    });
}
