//! Evaluation with running statistics.

use burn::tensor::{DType, Tensor};
use longtail_kernels::{
    ConvBnOptions, EvalBlock, Prepacking, basic_block_eval, basic_blocks_eval, composed,
    conv_bn_eval,
};

use super::support::{EPSILON, apart, assert_near, leaf, of_parameters, on_every_path, to_vec};

/// Shape of a stage's input, its channels and stride.
type Stage = ([usize; 4], usize, usize);

const STAGES: [Stage; 3] =
    [([9, 8, 8, 16], 16, 1), ([5, 8, 12, 16], 32, 2), ([35, 5, 4, 32], 32, 1)];

fn plain(dims: [usize; 4], salt: u64, dtype: DType) -> Tensor<4> {
    leaf(dims, salt, dtype, 0.0).inner()
}

/// γ, β, mean and variance.
fn norm(channels: usize, salt: u64, dtype: DType) -> [Tensor<1>; 4] {
    [(0, 1.5), (1, 0.0), (2, 0.0), (3, 1.5)]
        .map(|(i, shift)| leaf([channels], salt + i, dtype, shift).inner())
}

/// Four blocks.
fn run_stage((dims, channels, stride): Stage, dtype: DType, fast: bool) -> Vec<f64> {
    let wide = of_parameters(dtype);
    let block = |i: u64| {
        let input = if i == 0 { dims[3] } else { channels };
        let weights = [
            plain([channels, input, 3, 3], 50 + i, wide),
            plain([channels, channels, 3, 3], 60 + i, wide),
        ];
        EvalBlock { weights, norms: [norm(channels, 70 + i, wide), norm(channels, 80 + i, wide)] }
    };
    let op = if fast { basic_blocks_eval } else { composed::basic_blocks_eval };
    to_vec(op(plain(dims, 49, dtype), (0..4).map(block).collect(), stride, EPSILON))
}

#[test]
fn inference_is_the_composed_one() {
    let options = ConvBnOptions { stride: 2, padding: 1, groups: 1, relu: true, epsilon: EPSILON };
    let layer = |dtype: DType, fast: bool| {
        let [gamma, beta, mean, variance] = norm(32, 23, dtype);
        let op = if fast { conv_bn_eval } else { composed::conv_bn_eval };
        let (x, weight) = (plain([35, 7, 9, 5], 21, dtype), plain([32, 5, 3, 3], 22, dtype));
        let residual = Some(plain([35, 4, 5, 32], 29, dtype));
        to_vec(op(x, weight, gamma, beta, mean, variance, residual, options))
    };
    let grouped = |dtype: DType, fast: bool| {
        let [gamma, beta, mean, variance] = norm(64, 23, dtype);
        let op = if fast { conv_bn_eval } else { composed::conv_bn_eval };
        let (x, weight) = (plain([9, 7, 9, 64], 21, dtype), plain([64, 4, 3, 3], 22, dtype));
        let residual = Some(plain([9, 4, 5, 64], 29, dtype));
        let options = ConvBnOptions { groups: 16, ..options };
        to_vec(op(x, weight, gamma, beta, mean, variance, residual, options))
    };
    let block = |dtype: DType, fast: bool| {
        let op = if fast { basic_block_eval } else { composed::basic_block_eval };
        let weights = [plain([32, 16, 3, 3], 31, dtype), plain([32, 32, 3, 3], 32, dtype)];
        let norms = [norm(32, 33, dtype), norm(32, 37, dtype)];
        to_vec(op(plain([3, 8, 6, 16], 30, dtype), weights, norms, 2, EPSILON))
    };
    let references = (
        layer(DType::F64, false),
        block(DType::F64, false),
        STAGES.map(|stage| run_stage(stage, DType::F64, false)),
        grouped(DType::F64, false),
    );
    on_every_path(|path| {
        // Sums cancel: an error is as small as the largest value allows, not the value itself.
        let singles = [
            (layer(DType::F32, true), &references.0),
            (block(DType::F32, true), &references.1),
            (grouped(DType::F32, true), &references.3),
        ];
        for (fast, reference) in singles.into_iter().chain(
            STAGES.map(|stage| run_stage(stage, DType::F32, true)).into_iter().zip(&references.2),
        ) {
            let largest = reference.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
            assert_near(&fast, reference, 1e-6 * largest, path.name());
        }
    });
}

#[test]
fn inference_in_bf16_loses_no_more_than_the_composed_one() {
    for stage in STAGES {
        let reference = run_stage(stage, DType::F64, false);
        let allowed = apart(&run_stage(stage, DType::BF16, false), &reference);
        on_every_path(|path| {
            let lost = apart(&run_stage(stage, DType::BF16, true), &reference);
            assert!(lost < 1.5 * allowed, "{}: {lost}, composed {allowed}", path.name());
        });
    }
}

/// Shape of the input, of the weights, stride and padding.
type Layer = ([usize; 4], [usize; 4], usize, usize);

const FEW_IMAGES: [Layer; 7] = [
    ([1, 7, 7, 64], [96, 64, 1, 1], 1, 0),
    ([1, 6, 5, 5], [16, 5, 1, 1], 1, 0),
    ([1, 13, 11, 24], [48, 24, 3, 3], 2, 1),
    // Fewer weights than the image: rows are shared out, and channels otherwise.
    ([1, 13, 11, 24], [16, 24, 3, 3], 2, 1),
    ([1, 1, 29, 16], [16, 16, 1, 3], 1, 0),
    ([2, 14, 7, 32], [32, 32, 3, 3], 1, 1),
    ([2, 9, 8, 64], [64, 4, 3, 3], 1, 1),
];

/// With a residual like the output.
fn run_layer((x, weight, stride, padding): Layer, weights: &Tensor<4>, dtype: DType) -> Vec<f64> {
    let groups = x[3] / weight[1];
    let options = ConvBnOptions { stride, padding, groups, relu: true, epsilon: EPSILON };
    let [gamma, beta, mean, variance] = norm(weight[0], 23, DType::F32);
    let size = |axis: usize| (x[axis] + 2 * padding - weight[axis + 1]) / stride + 1;
    let residual = plain([x[0], size(1), size(2), weight[0]], 43, dtype);
    let (x, weights) = (plain(x, 41, dtype), weights.clone());
    to_vec(conv_bn_eval(x, weights, gamma, beta, mean, variance, Some(residual), options))
}

/// Layers of few images in both types of activations.
fn few_images() -> impl Iterator<Item = (Layer, DType)> {
    FEW_IMAGES.into_iter().flat_map(|layer| [(layer, DType::F32), (layer, DType::BF16)])
}

/// Weights that are laid out once give the same as those that are for every call, and no change to them is missed.
#[test]
fn prepacked_weights_are_the_same() {
    let kinds: Vec<_> = few_images()
        .map(|(layer, dtype)| {
            let [first, second] = [42, 44].map(|salt| plain(layer.1, salt, DType::F32));
            (layer, dtype, first, second)
        })
        .collect();
    on_every_path(|path| {
        let each = |first_only: bool| {
            let run = |(layer, dtype, first, second): &(Layer, DType, Tensor<4>, Tensor<4>)| {
                run_layer(*layer, if first_only { first } else { second }, *dtype)
            };
            kinds.iter().map(run).collect::<Vec<_>>()
        };
        let plain = [each(true), each(false)];
        assert!(plain[0].iter().zip(&plain[1]).all(|(first, second)| first != second));
        let _prepacking = Prepacking::new();
        let other = Prepacking::new();
        for _ in 0..2 {
            assert!([each(true), each(false)] == plain, "{}", path.name());
        }
        drop(other);
        assert!([each(true), each(false)] == plain, "{}", path.name());
    });
}

/// Threads share out one image where there are too few for all: every value is the same then.
#[test]
fn one_image_is_the_same_for_any_number_of_threads() {
    for (layer, dtype) in few_images() {
        let weights = plain(layer.1, 42, DType::F32);
        on_every_path(|path| {
            let of = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run_layer(layer, &weights, dtype))
            };
            let one = of(1);
            for threads in [2, 3, 5] {
                assert!(of(threads) == one, "{} {layer:?} {threads}", path.name());
            }
        });
    }
}
