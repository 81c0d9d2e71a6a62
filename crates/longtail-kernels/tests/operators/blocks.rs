//! Residual blocks in training.

use burn::tensor::{DType, Device, Gradients, Tensor};
use longtail_kernels::{
    Algorithm, ConvBnOptions, algorithm, basic_block_train, composed, conv_bn_train,
    make_again_from,
};

use super::support::{EPSILON, F32, apart, compare, leaf, of_parameters, on_every_path, to_vec};

/// Images, side, channels before and after, stride of a block; the algorithms of its convolutions.
type Case = ((usize, usize, usize, usize, usize), [Algorithm; 2]);

/// The shapes of ResNet-32 and around, some of them larger than a chunk of images.
const BLOCKS: [Case; 13] = {
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

/// Outputs of blocks are made again however small they are, as long as it is there.
struct AllMadeAgain {
    from: usize,
}

impl AllMadeAgain {
    fn new() -> Self {
        Self { from: make_again_from(0) }
    }
}

impl Drop for AllMadeAgain {
    fn drop(&mut self) {
        make_again_from(self.from);
    }
}

/// A block with its parameters.
trait Block {
    fn train(&self, x: Tensor<4>, fast: bool) -> Tensor<4>;

    /// Of all parameters.
    fn gradients(&self, all: &Gradients) -> Vec<Vec<f64>>;
}

/// Blocks in one graph have the gradients, to the bit, that they have each in one of its own, whose input is kept.
fn go_back_as_one_by_one<B: Block>(blocks: &[B], x: Tensor<4>, what: &str) {
    let output = blocks.iter().fold(x.clone(), |x, block| block.train(x, true));
    let mut pull = leaf(output.dims(), 2, output.dtype(), 0.0).detach();
    let all = (output * pull.clone()).sum().backward();

    let mut inputs = vec![x.clone()];
    for block in blocks {
        let output = block.train(inputs.last().unwrap().clone(), true);
        inputs.push(output.detach().require_grad());
    }
    for (index, block) in blocks.iter().enumerate().rev() {
        let output = block.train(inputs[index].clone(), true);
        let alone = (output * pull).sum().backward();
        assert!(block.gradients(&all) == block.gradients(&alone), "block {index} {what}");
        pull = Tensor::from_inner(inputs[index].grad(&alone).unwrap());
    }
    assert_eq!(to_vec(x.grad(&all).unwrap()), to_vec(pull), "{what}");
}

/// Weights, γ, β and stride of a block.
#[derive(Clone)]
struct Parameters {
    weights: [Tensor<4>; 2],
    gammas: [Tensor<1>; 2],
    betas: [Tensor<1>; 2],
    stride: usize,
}

impl Parameters {
    /// Of a block from `input` to `output` channels.
    fn new([input, output]: [usize; 2], stride: usize, salt: u64, dtype: DType) -> Self {
        let dims = [[output, input, 3, 3], [output, output, 3, 3]];
        let of = |i: usize| salt + i as u64;
        Self {
            weights: [0, 1].map(|i| leaf(dims[i], of(i), dtype, 0.0)),
            gammas: [2, 3].map(|i| leaf([output], of(i), dtype, 1.5)),
            betas: [4, 5].map(|i| leaf([output], of(i), dtype, 0.0)),
            stride,
        }
    }
}

impl Block for Parameters {
    fn train(&self, x: Tensor<4>, fast: bool) -> Tensor<4> {
        let Self { weights, gammas, betas, stride } = self.clone();
        let op = if fast { basic_block_train } else { composed::basic_block_train };
        op(x, weights, gammas, betas, stride, EPSILON).output
    }

    fn gradients(&self, all: &Gradients) -> Vec<Vec<f64>> {
        let weights = self.weights.iter().map(|weight| to_vec(weight.grad(all).unwrap()));
        let others = self.gammas.iter().chain(&self.betas);
        weights.chain(others.map(|other| to_vec(other.grad(all).unwrap()))).collect()
    }
}

/// Four blocks, the first of them with `stride`.
fn stage(stride: usize, dtype: DType) -> Vec<Parameters> {
    let (channels, dtype) = ([[16, 16 * stride], [16 * stride; 2]], of_parameters(dtype));
    let of = |index: usize| if index == 0 { (channels[0], stride) } else { (channels[1], 1) };
    let block = |index: usize| {
        let (channels, stride) = of(index);
        Parameters::new(channels, stride, 100 + 10 * index as u64, dtype)
    };
    (0..4).map(block).collect()
}

/// Outputs of a stage are made again on its way back; what comes of it is what comes of blocks whose inputs are kept.
#[test]
fn a_stage_goes_back_as_its_blocks_do_one_by_one() {
    on_every_path(|path| {
        let _all = AllMadeAgain::new();
        for (stride, dtype) in [(1, DType::F32), (2, DType::F32), (1, DType::BF16)] {
            let x = leaf([5, 8, 8, 16], 1, dtype, 0.0);
            let what = format!("on {}, stride {stride}, {dtype:?}", path.name());
            go_back_as_one_by_one(&stage(stride, dtype), x, &what);
        }
    });
}

/// Others may ask for an output that is made again, before and after the block behind it.
#[test]
fn outputs_within_a_stage_serve_others_as_well() {
    let run = |dtype: DType, fast: bool| {
        let blocks = stage(2, dtype);
        let x = leaf([5, 8, 8, 16], 1, dtype, 0.0);
        let mut outputs = Vec::new();
        blocks.iter().fold(x.clone(), |x, block| {
            outputs.push(block.train(x, fast));
            outputs[outputs.len() - 1].clone()
        });
        let squares = outputs.into_iter().map(|output| output.square().mean());
        let all = squares.reduce(|sum, square| sum + square).unwrap().backward();
        let mut gradients = vec![("x", to_vec(x.grad(&all).unwrap()))];
        for block in &blocks {
            gradients.extend(block.gradients(&all).into_iter().map(|values| ("parameter", values)));
        }
        gradients
    };
    let reference = run(DType::F64, false);
    on_every_path(|path| {
        let kept = run(DType::F32, true);
        compare(&kept, &reference, F32, path, &"stage");
        let _all = AllMadeAgain::new();
        assert!(run(DType::F32, true) == kept, "{}", path.name());
    });
}

/// Weight, γ and β of a layer.
type Layer = (Tensor<4>, Tensor<1>, Tensor<1>);

/// 1×1, 3×3 in groups with a stride, 1×1; and a shortcut of its own where the shape changes.
struct Bottleneck {
    layers: [Layer; 3],
    shortcut: Option<Layer>,
    stride: usize,
    groups: usize,
}

impl Bottleneck {
    fn new(input: usize, stride: usize, groups: usize, salt: u64, dtype: DType) -> Self {
        let dtype = of_parameters(dtype);
        let layer = |dims: [usize; 4], salt: u64| {
            let of_channels = |salt, shift| leaf([dims[0]], salt, dtype, shift);
            (leaf(dims, salt, dtype, 0.0), of_channels(salt + 1, 1.5), of_channels(salt + 2, 0.0))
        };
        let layers = [
            layer([32, input, 1, 1], salt),
            layer([32, 32 / groups, 3, 3], salt + 3),
            layer([64, 32, 1, 1], salt + 6),
        ];
        let shortcut = (input != 64 || stride != 1).then(|| layer([64, input, 1, 1], salt + 9));
        Self { layers, shortcut, stride, groups }
    }
}

impl Block for Bottleneck {
    fn train(&self, x: Tensor<4>, fast: bool) -> Tensor<4> {
        let op = if fast { conv_bn_train } else { composed::conv_bn_train };
        let layer = |x, layer: &Layer, residual, (stride, groups, relu)| {
            let (weight, gamma, beta) = layer.clone();
            let padding = weight.dims()[2] / 2;
            let options = ConvBnOptions { stride, padding, groups, relu, epsilon: EPSILON };
            op(x, weight, gamma, beta, residual, options).output
        };
        let [first, second, third] = &self.layers;
        let hidden = layer(x.clone(), first, None, (1, 1, true));
        let hidden = layer(hidden, second, None, (self.stride, self.groups, true));
        let shortcut = match &self.shortcut {
            Some(shortcut) => layer(x, shortcut, None, (self.stride, 1, false)),
            None => x,
        };
        layer(hidden, third, Some(shortcut), (1, 1, true))
    }

    fn gradients(&self, all: &Gradients) -> Vec<Vec<f64>> {
        let layers = self.layers.iter().chain(&self.shortcut);
        let of = |(weight, gamma, beta): &Layer| {
            let others = [gamma, beta].map(|other| to_vec(other.grad(all).unwrap()));
            std::iter::once(to_vec(weight.grad(all).unwrap())).chain(others).collect::<Vec<_>>()
        };
        layers.flat_map(of).collect()
    }
}

/// Three bottlenecks, of which the first changes the shape.
fn bottlenecks(stride: usize, groups: usize, dtype: DType) -> Vec<Bottleneck> {
    let of = |index: usize| if index == 0 { (32, stride) } else { (64, 1) };
    let block = |index: usize| {
        let (input, stride) = of(index);
        Bottleneck::new(input, stride, groups, 200 + 20 * index as u64, dtype)
    };
    (0..3).map(block).collect()
}

/// All activations of bottlenecks are made again on the way back.
#[test]
fn bottlenecks_go_back_as_they_do_one_by_one() {
    on_every_path(|path| {
        for case in
            [(1, 1, DType::F32), (2, 1, DType::F32), (2, 2, DType::F32), (2, 1, DType::BF16)]
        {
            let (stride, groups, dtype) = case;
            let x = leaf([5, 8, 8, 32], 1, dtype, 0.0);
            let what = format!("on {}, {case:?}", path.name());
            go_back_as_one_by_one(&bottlenecks(stride, groups, dtype), x, &what);
        }
    });
}

/// A stage's gradients are the composed operators', in f64, also where only some of its parameters are trained.
#[test]
fn bottlenecks_are_the_composed_ones_trained_in_part_too() {
    let run = |dtype: DType, fast: bool, frozen: bool| {
        let mut blocks = bottlenecks(2, 1, dtype);
        let x = leaf([5, 8, 8, 32], 1, dtype, 0.0);
        let x = if frozen { x.detach() } else { x };
        if frozen {
            for (weight, gamma, beta) in &mut blocks[0].layers {
                *weight = weight.clone().detach();
                *gamma = gamma.clone().detach();
                *beta = beta.clone().detach();
            }
        }
        let output = blocks.iter().fold(x, |x, block| block.train(x, fast));
        let all = output.square().mean().backward();
        let trained = blocks.iter().skip(usize::from(frozen));
        let gradients = trained.flat_map(|block| block.gradients(&all));
        gradients.map(|values| ("parameter", values)).collect::<Vec<_>>()
    };
    for frozen in [false, true] {
        let reference = run(DType::F64, false, frozen);
        on_every_path(|path| {
            compare(&run(DType::F32, true, frozen), &reference, F32, path, &frozen);
        });
    }
}
