//! Times every convolution of a network for large images, with its batch norm and ReLU, forward and backward, in f32 and
//! bf16, and the pooling behind the first one: what a training step of it consists of. Evaluation is timed with weights laid
//! out before.
//!
//! `layers [images] [threads] [resnet50 | resnext50 | grouped]`; prints a line a shape with GFLOP/s, and the sums over the
//! network. `grouped` is the grouped convolutions of `resnext50` alone.

use std::{env, error::Error, time::Instant};

use burn::tensor::{DType, Device, Distribution, Tensor};
use longtail_kernels::{
    ConvBnOptions, Prepacking, conv_bn_eval, conv_bn_train, max_pool,
    threads::{self, Awake},
};

/// Side of the input, its channels, those of the output, kernel, stride, groups, and how often the network has it.
type Layer = [usize; 7];

const RESNET50: [Layer; 23] = [
    [224, 3, 64, 7, 2, 1, 1],
    [56, 64, 64, 1, 1, 1, 1],
    [56, 64, 64, 3, 1, 1, 3],
    [56, 64, 256, 1, 1, 1, 4],
    [56, 256, 64, 1, 1, 1, 2],
    [56, 256, 128, 1, 1, 1, 1],
    [56, 128, 128, 3, 2, 1, 1],
    [56, 256, 512, 1, 2, 1, 1],
    [28, 128, 512, 1, 1, 1, 4],
    [28, 512, 128, 1, 1, 1, 3],
    [28, 128, 128, 3, 1, 1, 3],
    [28, 512, 256, 1, 1, 1, 1],
    [28, 256, 256, 3, 2, 1, 1],
    [28, 512, 1024, 1, 2, 1, 1],
    [14, 256, 1024, 1, 1, 1, 6],
    [14, 1024, 256, 1, 1, 1, 5],
    [14, 256, 256, 3, 1, 1, 5],
    [14, 1024, 512, 1, 1, 1, 1],
    [14, 512, 512, 3, 2, 1, 1],
    [14, 1024, 2048, 1, 2, 1, 1],
    [7, 512, 2048, 1, 1, 1, 3],
    [7, 2048, 512, 1, 1, 1, 2],
    [7, 512, 512, 3, 1, 1, 2],
];

const RESNEXT50: [Layer; 24] = [
    [224, 3, 64, 7, 2, 1, 1],
    [56, 64, 128, 1, 1, 1, 1],
    [56, 128, 128, 3, 1, 32, 3],
    [56, 128, 256, 1, 1, 1, 3],
    [56, 64, 256, 1, 1, 1, 1],
    [56, 256, 128, 1, 1, 1, 2],
    [56, 256, 256, 1, 1, 1, 1],
    [56, 256, 256, 3, 2, 32, 1],
    [56, 256, 512, 1, 2, 1, 1],
    [28, 256, 512, 1, 1, 1, 4],
    [28, 512, 256, 1, 1, 1, 3],
    [28, 256, 256, 3, 1, 32, 3],
    [28, 512, 512, 1, 1, 1, 1],
    [28, 512, 512, 3, 2, 32, 1],
    [28, 512, 1024, 1, 2, 1, 1],
    [14, 512, 1024, 1, 1, 1, 6],
    [14, 1024, 512, 1, 1, 1, 5],
    [14, 512, 512, 3, 1, 32, 5],
    [14, 1024, 1024, 1, 1, 1, 1],
    [14, 1024, 1024, 3, 2, 32, 1],
    [14, 1024, 2048, 1, 2, 1, 1],
    [7, 1024, 2048, 1, 1, 1, 3],
    [7, 2048, 1024, 1, 1, 1, 2],
    [7, 1024, 1024, 3, 1, 32, 2],
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize, usual: usize| arguments.get(index).map_or(Ok(usual), |a| a.parse());
    let (images, threads) = (number(0, 16)?, number(1, 2)?);
    let layers: Vec<Layer> = match arguments.get(2).map(String::as_str) {
        None | Some("resnet50") => RESNET50.to_vec(),
        Some("resnext50") => RESNEXT50.to_vec(),
        Some("grouped") => RESNEXT50.into_iter().filter(|layer| layer[5] > 1).collect(),
        Some(other) => return Err(format!("no network is called {other}").into()),
    };
    threads::start(Some(threads))?;
    let _awake = Awake::new();
    let device = Device::flex().autodiff();
    for dtype in [DType::F32, DType::BF16] {
        let mut all = [0.0; 4];
        for &layer in &layers {
            let [side, input, output, kernel, stride, groups, times] = layer;
            let [forward, backward] = time(images, layer, dtype, &device);
            let evaluation = evaluation(images, layer, dtype);
            let out = side.div_ceil(stride);
            let products = images * out * out * output * input / groups * kernel * kernel;
            let work = 2e-9 * products as f64;
            println!(
                "{dtype:?} {side:3}² {input:4} → {output:4} {kernel}×{kernel}/{stride} in {groups:2} ×{times}: {:6.1} ms {:4.0} GFLOP/s, back {:6.1} ms {:4.0}, evaluation {:6.2} ms {:4.0}",
                forward * 1e3,
                work / forward,
                backward * 1e3,
                2.0 * work / backward,
                evaluation * 1e3,
                work / evaluation
            );
            let times = times as f64;
            let seconds = [forward, backward, work, evaluation];
            all = std::array::from_fn(|i| all[i] + times * seconds[i]);
        }
        let [pooling, back] = pool(images, dtype, &device);
        println!(
            "{dtype:?} all: {:.3} s forward ({:.0} GFLOP/s), {:.3} s backward ({:.0}), evaluation {:.3} s ({:.0}), pooling {:.1} ms, back {:.1} ms",
            all[0],
            all[2] / all[0],
            all[1],
            2.0 * all[2] / all[1],
            all[3],
            all[2] / all[3],
            pooling * 1e3,
            back * 1e3
        );
    }
    Ok(())
}

fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(dims, Distribution::Uniform(-1.0, 1.0), device)
}

/// Seconds that `operator` takes forward and backward, the least of five. The gradient that it gets is a tensor of its own,
/// as from a next layer; what making that takes is left out.
fn least(operator: impl Fn() -> Tensor<4>) -> [f64; 2] {
    let mut least = [f64::INFINITY; 3];
    for _ in 0..5 {
        let began = Instant::now();
        let output = operator();
        let forward = began.elapsed().as_secs_f64();
        let pull = output.clone().detach();
        let back = |output: Tensor<4>| {
            let loss = (output * pull.clone()).sum();
            let began = Instant::now();
            let _gradients = loss.backward();
            began.elapsed().as_secs_f64()
        };
        let alone = back(pull.clone().require_grad());
        let times = [forward, back(output), alone];
        least = std::array::from_fn(|i| least[i].min(times[i]));
    }
    [least[0], least[1] - least[2]]
}

/// Seconds of a layer, forward and backward.
fn time(
    images: usize,
    [side, input, output, kernel, stride, groups, _]: Layer,
    dtype: DType,
    device: &Device,
) -> [f64; 2] {
    let options = ConvBnOptions { stride, padding: kernel / 2, groups, relu: true, epsilon: 1e-5 };
    let x = random([images, side, side, input], device).cast(dtype);
    // The images of the first layer need no gradient.
    let x = if input == 3 { x.detach() } else { x.detach().require_grad() };
    let weight = random([output, input / groups, kernel, kernel], device).require_grad();
    let [gamma, beta] = [(); 2].map(|()| random([output], device).require_grad());
    least(|| {
        let (gamma, beta) = (gamma.clone(), beta.clone());
        conv_bn_train(x.clone(), weight.clone(), gamma, beta, None, options).output
    })
}

/// Seconds of a layer in evaluation, the least of five.
fn evaluation(images: usize, layer: Layer, dtype: DType) -> f64 {
    let [side, input, output, kernel, stride, groups, _] = layer;
    let device = Device::flex();
    let options = ConvBnOptions { stride, padding: kernel / 2, groups, relu: true, epsilon: 1e-5 };
    let x: Tensor<4> = random([images, side, side, input], &device).cast(dtype);
    let weight: Tensor<4> = random([output, input / groups, kernel, kernel], &device);
    let ones: Tensor<1> = Tensor::ones([output], &device);
    let _prepacking = Prepacking::new();
    let call = || {
        let [gamma, beta, mean, variance] = [(); 4].map(|()| ones.clone());
        let began = Instant::now();
        conv_bn_eval(x.clone(), weight.clone(), gamma, beta, mean, variance, None, options);
        began.elapsed().as_secs_f64()
    };
    call();
    (0..5).map(|_| call()).fold(f64::INFINITY, f64::min)
}

/// Seconds of the pooling behind the first layer, forward and backward.
fn pool(images: usize, dtype: DType, device: &Device) -> [f64; 2] {
    let x = random([images, 112, 112, 64], device).cast(dtype).detach().require_grad();
    least(|| max_pool(x.clone()))
}
