//! Residual blocks in training.

use burn::tensor::{DType, Device, Tensor};
use longtail_kernels::{Algorithm, ConvBnOptions, algorithm, basic_block_train, composed};

use super::support::{EPSILON, F32, apart, compare, leaf, of_parameters, on_every_path, to_vec};

/// Images, side, channels before and after, stride of a block; the algorithms of its convolutions.
type Block = ((usize, usize, usize, usize, usize), [Algorithm; 2]);

/// The shapes of ResNet-32 and around, some of them larger than a chunk of images.
const BLOCKS: [Block; 13] = {
    use Algorithm::{Direct, Winograd};
    [
        ((2, 32, 16, 16, 1), [Winograd, Winograd]),
        ((1, 16, 32, 32, 1), [Winograd, Winograd]),
        ((11, 8, 64, 64, 1), [Winograd, Winograd]),
        ((37, 4, 64, 64, 1), [Winograd, Winograd]),
        ((2, 32, 16, 32, 2), [Direct, Winograd]),
        ((34, 8, 32, 64, 2), [Direct, Winograd]),
        ((37, 6, 32, 32, 1), [Winograd, Winograd]),
        ((37, 5, 32, 32, 1), [Direct, Direct]),
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
