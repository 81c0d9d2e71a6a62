//! Convolution with batch norm.

use burn::tensor::{DType, Device, Tensor};
use longtail_kernels::{
    Algorithm, ConvBnOptions, ConvBnTrain, Path, algorithm, composed, conv_bn_train,
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::support::{BF16, EPSILON, F32, compare, leaf, of_parameters, on_every_path, to_vec};

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
    // Tiles of 4×4, of which those at the ends may reach beyond the image.
    let covered = |size: usize| size.next_multiple_of(4);
    let sizes = (4..=12_usize, 4..=16_usize)
        .prop_filter("tiles in vain", move |(h, w)| covered(*h) * covered(*w) <= 2 * h * w);
    ((images, sizes), (channels(), channels()), (any::<bool>(), any::<bool>())).prop_map(
        |((images, (height, width)), (input, output), (relu, residual))| Case {
            images,
            height,
            width,
            input,
            output,
            kernel: [3, 3],
            options: ConvBnOptions { stride: 1, padding: 1, groups: 1, relu, epsilon: EPSILON },
            residual,
        },
    )
}

/// Grouped convolutions that run on every path.
fn grouped_cases() -> impl Strategy<Value = Case> {
    let kernel = (1..=4_usize, 1..=4_usize);
    let width =
        prop_oneof![1..=4_usize, Just(6_usize), Just(8), Just(12), Just(16), Just(24), Just(32)];
    let groups = prop_oneof![Just(16_usize), 2..=6_usize];
    (
        (1..=5_usize, 1..=9_usize, 1..=19_usize, prop_oneof![kernel, Just((3, 3))]),
        (width, groups),
        (1..=3_usize, 0..=3_usize),
        (any::<bool>(), any::<bool>()),
    )
        .prop_filter_map(
            "no output is left",
            |((images, height, width, kernel), (of_group, groups), (stride, padding), flags)| {
                // Whole groups and whole vectors of 16.
                let shared = 1 << of_group.trailing_zeros().min(4);
                let channels = (of_group * groups).next_multiple_of(of_group / shared * 16);
                let groups = channels / of_group;
                let (relu, residual) = flags;
                let options = ConvBnOptions { stride, padding, groups, relu, epsilon: EPSILON };
                let kernel = [kernel.0, kernel.1];
                let fits = [height, width]
                    .iter()
                    .zip(kernel)
                    .all(|(&size, kernel)| size + 2 * padding >= kernel && kernel > padding);
                let (input, output) = (channels, channels);
                let case = Case { images, height, width, input, output, kernel, options, residual };
                (fits && groups > 1).then_some(case)
            },
        )
        .prop_filter("one value per channel", |case| count(case) > 3)
}

fn algorithm_of(case: &Case) -> Algorithm {
    let tensor = |dims: [usize; 4]| Tensor::<4>::zeros(dims, &Device::flex());
    let x = tensor([case.images, case.height, case.width, case.input]);
    let [height, width] = case.kernel;
    algorithm(
        &x,
        &tensor([case.output, case.input / case.options.groups, height, width]),
        case.options,
    )
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

/// [`conv_bn_train`] or another of its kind.
type Operator =
    fn(Tensor<4>, Tensor<4>, Tensor<1>, Tensor<1>, Option<Tensor<4>>, ConvBnOptions) -> ConvBnTrain;

/// Output, mean, variance, and the gradients of a weighted sum of the output.
fn run_conv_bn(case: &Case, dtype: DType, op: Operator) -> Vec<(&'static str, Vec<f64>)> {
    let Case { images, height, width, input, output, kernel, options, .. } = *case;
    let [rows, columns] = size(case);
    let wide = of_parameters(dtype);
    let x = leaf([images, height, width, input], 1, dtype, 0.0);
    let weight = leaf([output, input / options.groups, kernel[0], kernel[1]], 2, wide, 0.0);
    let gamma = leaf([output], 3, wide, 1.5);
    let beta = leaf([output], 4, wide, 0.0);
    let residual = case.residual.then(|| leaf([images, rows, columns, output], 5, dtype, 0.0));
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

/// In f32 against f64; `expected`: the algorithm that has to run.
fn check_f32(case: &Case, expected: Option<Algorithm>) -> Result<(), TestCaseError> {
    let reference = run_conv_bn(case, DType::F64, composed::conv_bn_train);
    // A value this near to 0 may fall on either side of the ReLU.
    prop_assume!(!near_a_kink(case, &reference));
    on_every_path(|path| {
        assert!(expected.is_none_or(|expected| algorithm_of(case) == expected), "{case:?}");
        compare(&run_conv_bn(case, DType::F32, conv_bn_train), &reference, F32, path, case);
    });
    Ok(())
}

/// In bf16 against the composed operator in bf16, without ReLU.
fn check_bf16(case: &Case, expected: Option<Algorithm>) -> Result<(), TestCaseError> {
    let case = Case { options: ConvBnOptions { relu: false, ..case.options }, ..*case };
    let reference = run_conv_bn(&case, DType::BF16, composed::conv_bn_train);
    prop_assume!(reference[2].1.iter().all(|variance| *variance > 0.05));
    on_every_path(|path| {
        assert!(expected.is_none_or(|expected| algorithm_of(&case) == expected), "{case:?}");
        compare(&run_conv_bn(&case, DType::BF16, conv_bn_train), &reference, BF16, path, &case);
    });
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn conv_bn_is_the_composed_one(case in cases()) {
        check_f32(&case, None)?;
    }

    #[test]
    fn conv_bn_in_bf16_is_the_composed_one(case in cases()) {
        let options = ConvBnOptions { groups: 1, ..case.options };
        check_bf16(&Case { options, ..case }, None)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn winograds_conv_bn_is_the_composed_one(case in winograd_cases()) {
        check_f32(&case, Some(Algorithm::Winograd))?;
    }

    #[test]
    fn winograds_conv_bn_in_bf16_is_the_composed_one(case in winograd_cases()) {
        check_bf16(&case, Some(Algorithm::Winograd))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn grouped_conv_bn_is_the_composed_one(case in grouped_cases()) {
        check_f32(&case, Some(Algorithm::Grouped))?;
    }

    #[test]
    fn grouped_conv_bn_in_bf16_is_the_composed_one(case in grouped_cases()) {
        check_bf16(&case, Some(Algorithm::Grouped))?;
    }
}

/// Cases of the sizes of a ResNeXt, and larger ones than [`grouped_cases`] has.
#[test]
fn grouped_layers_of_a_network_are_the_composed_ones() {
    for (images, side, channels, stride) in [
        (3, 56, 128, 1),
        (2, 56, 256, 2),
        (2, 28, 256, 1),
        (9, 14, 512, 1),
        (33, 7, 1024, 1),
        // Those of RIDE's experts.
        (2, 28, 384, 2),
        (9, 7, 768, 1),
    ] {
        let options =
            ConvBnOptions { stride, padding: 1, groups: 32, relu: false, epsilon: EPSILON };
        let (height, width, kernel) = (side, side, [3, 3]);
        let (input, output, residual) = (channels, channels, false);
        let case = Case { images, height, width, input, output, kernel, options, residual };
        let reference = run_conv_bn(&case, DType::F64, composed::conv_bn_train);
        on_every_path(|path| {
            assert_eq!(algorithm_of(&case), Algorithm::Grouped, "{case:?}");
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run_conv_bn(&case, DType::F32, conv_bn_train))
            };
            let one = on(1);
            compare(&one, &reference, F32, path, &case);
            assert!([2, 3].into_iter().all(|threads| on(threads) == one), "{path:?} {case:?}");
        });
    }
}

#[test]
fn groups_that_fill_no_vectors_are_composed() {
    let case = |input, output, groups| {
        let options = ConvBnOptions { stride: 1, padding: 1, groups, relu: true, epsilon: EPSILON };
        let (height, width, kernel, residual) = (5, 4, [3, 3], false);
        Case { images: 2, height, width, input, output, kernel, options, residual }
    };
    for case in
        [case(32, 64, 4), case(24, 24, 3), case(24, 24, 2), case(112, 112, 16), case(96, 96, 2)]
    {
        let reference = run_conv_bn(&case, DType::F64, composed::conv_bn_train);
        on_every_path(|path| {
            let lanes = if path.name().starts_with("avx512") { 16 } else { 8 };
            let (Case { input, output, .. }, width) = (case, case.input / case.options.groups);
            // Seven vectors are the fewest that hold whole groups of 7, which is too many.
            let fits = input == output
                && (1..=4).any(|vectors| {
                    let slice = vectors * width.max(lanes);
                    slice % lanes == 0 && slice % width == 0 && input % slice == 0
                });
            let expected = if fits { Algorithm::Grouped } else { Algorithm::Composed };
            assert_eq!(algorithm_of(&case), expected, "{case:?}");
            let found = run_conv_bn(&case, DType::F32, conv_bn_train);
            compare(&found, &reference, 1e-3, path, &case);
        });
    }
}

fn near_a_kink(case: &Case, reference: &[(&'static str, Vec<f64>)]) -> bool {
    let without = Case { options: ConvBnOptions { relu: false, ..case.options }, ..*case };
    let smallest_variance = reference[2].1.iter().fold(f64::MAX, |a, b| a.min(*b));
    let flat = smallest_variance < 1e-3;
    let output = &run_conv_bn(&without, DType::F64, composed::conv_bn_train)[0].1;
    flat || case.options.relu && output.iter().any(|v| v.abs() < 1e-5)
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
        let run = |op: fn(_, _, _, _, _, _) -> ConvBnTrain| {
            let x = leaf([2, 4, 4, 16], 1, DType::BF16, 0.0);
            let weight = leaf([16, 16, 3, 3], 2, DType::F32, 0.0);
            let [gamma, beta] = [3, 4].map(|salt| leaf([16], salt, DType::F32, 1.0));
            let residual = leaf([2, 4, 4, 16], 5, DType::F32, 0.0);
            to_vec(op(x, weight, gamma, beta, Some(residual), options).output.inner())
        };
        assert_eq!(run(conv_bn_train), run(composed::conv_bn_train), "{}", path.name());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What GPUs run, here on the CPU: in f64 as far as rounding goes, in bf16 with what is kept in bf16.
    #[test]
    fn batch_norm_of_pixels_is_burns(case in cases()) {
        let exact = run_conv_bn(&case, DType::F64, composed::conv_bn_train);
        let pixels = run_conv_bn(&case, DType::F64, composed::conv_norm_pixels);
        compare(&pixels, &exact, 1e-9, Path::Composed, &case);
        let exact = run_conv_bn(&case, DType::BF16, composed::conv_bn_train);
        let pixels = run_conv_bn(&case, DType::BF16, composed::conv_norm_pixels);
        compare(&pixels, &exact, BF16, Path::Composed, &case);
    }
}

/// Shapes of networks for large images: rows of pixels that fill the first cache, images that fill the second, weights of
/// which few tasks hold the gradients, and a kernel that reaches far.
#[test]
fn layers_of_large_networks_are_the_composed_ones() {
    let options = ConvBnOptions { stride: 1, padding: 0, groups: 1, relu: false, epsilon: EPSILON };
    let halved = |padding| ConvBnOptions { stride: 2, padding, ..options };
    for (images, [height, width], [input, output], kernel, options) in [
        (2, [15, 11], [160, 192], 1, options),
        (10, [3, 3], [1024, 1024], 1, options),
        (5, [7, 5], [64, 256], 1, halved(0)),
        (15, [7, 7], [256, 256], 3, halved(1)),
        (2, [29, 21], [3, 64], 7, halved(3)),
        // Inputs of which parts stay in the second cache: of one row of pixels, and of rows.
        (1, [40, 25], [256, 32], 1, options),
        (2, [64, 30], [96, 32], 1, halved(0)),
        (1, [64, 30], [96, 48], 3, halved(1)),
    ] {
        let kernel = [kernel; 2];
        let residual = options.stride == 1;
        let case = Case { images, height, width, input, output, kernel, options, residual };
        let reference = run_conv_bn(&case, DType::F64, composed::conv_bn_train);
        on_every_path(|path| {
            assert_eq!(algorithm_of(&case), Algorithm::Direct, "{case:?}");
            compare(&run_conv_bn(&case, DType::F32, conv_bn_train), &reference, F32, path, &case);
        });
        check_bf16(&case, Some(Algorithm::Direct)).unwrap();
    }
    // Several images at once, whose tiles reach beyond them, and few tasks.
    let options = ConvBnOptions { padding: 1, ..options };
    let case = Case {
        images: 18,
        height: 7,
        width: 7,
        input: 256,
        output: 256,
        kernel: [3, 3],
        options,
        residual: true,
    };
    check_f32(&case, Some(Algorithm::Winograd)).unwrap();
    check_bf16(&case, Some(Algorithm::Winograd)).unwrap();
}
