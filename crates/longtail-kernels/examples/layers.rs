//! Times every convolution of a ResNet-50, with its batch norm and ReLU, forward and backward, in f32 and bf16: what a
//! training step of it consists of.
//!
//! `layers [images] [threads]`; prints a line a shape with GFLOP/s, and the sums over the network.

use std::{env, error::Error, time::Instant};

use burn::tensor::{DType, Device, Distribution, Tensor};
use longtail_kernels::{ConvBnOptions, conv_bn_train, max_pool};

/// Side of the input, its channels, those of the output, kernel, stride, and how often the network has it.
const LAYERS: [[usize; 6]; 23] = [
    [224, 3, 64, 7, 2, 1],
    [56, 64, 64, 1, 1, 1],
    [56, 64, 64, 3, 1, 3],
    [56, 64, 256, 1, 1, 4],
    [56, 256, 64, 1, 1, 2],
    [56, 256, 128, 1, 1, 1],
    [56, 128, 128, 3, 2, 1],
    [56, 256, 512, 1, 2, 1],
    [28, 128, 512, 1, 1, 4],
    [28, 512, 128, 1, 1, 3],
    [28, 128, 128, 3, 1, 3],
    [28, 512, 256, 1, 1, 1],
    [28, 256, 256, 3, 2, 1],
    [28, 512, 1024, 1, 2, 1],
    [14, 256, 1024, 1, 1, 6],
    [14, 1024, 256, 1, 1, 5],
    [14, 256, 256, 3, 1, 5],
    [14, 1024, 512, 1, 1, 1],
    [14, 512, 512, 3, 2, 1],
    [14, 1024, 2048, 1, 2, 1],
    [7, 512, 2048, 1, 1, 3],
    [7, 2048, 512, 1, 1, 2],
    [7, 512, 512, 3, 1, 2],
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = env::args().skip(1).map(|argument| argument.parse::<usize>());
    let images = numbers.next().transpose()?.unwrap_or(16);
    let threads = numbers.next().transpose()?.unwrap_or(2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let device = Device::flex().autodiff();
    for dtype in [DType::F32, DType::BF16] {
        let mut all = [0.0; 3];
        for layer in LAYERS {
            let [side, input, output, kernel, stride, times] = layer;
            let [forward, backward] = time(images, layer, dtype, &device);
            let out = side.div_ceil(stride);
            let work = 2e-9 * (images * out * out * output * input * kernel * kernel) as f64;
            println!(
                "{dtype:?} {side:3}² {input:4} → {output:4} {kernel}×{kernel}/{stride} ×{times}: {:6.1} ms {:4.0} GFLOP/s, back {:6.1} ms {:4.0}",
                forward * 1e3,
                work / forward,
                backward * 1e3,
                2.0 * work / backward
            );
            let times = times as f64;
            all = [all[0] + times * forward, all[1] + times * backward, all[2] + times * work];
        }
        let pooling = pool(images, dtype, &device);
        println!(
            "{dtype:?} all: {:.2} s forward ({:.0} GFLOP/s), {:.2} s backward ({:.0}), pooling {:.3} s",
            all[0],
            all[2] / all[0],
            all[1],
            2.0 * all[2] / all[1],
            pooling
        );
    }
    Ok(())
}

fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(dims, Distribution::Uniform(-1.0, 1.0), device)
}

/// Seconds forward and backward, the least of three.
fn time(
    images: usize,
    [side, input, output, kernel, stride, _]: [usize; 6],
    dtype: DType,
    device: &Device,
) -> [f64; 2] {
    let options =
        ConvBnOptions { stride, padding: kernel / 2, groups: 1, relu: true, epsilon: 1e-5 };
    let x = random([images, side, side, input], device).cast(dtype);
    // The images of the first layer need no gradient.
    let x = if input == 3 { x.detach() } else { x.detach().require_grad() };
    let weight = random([output, input, kernel, kernel], device).require_grad();
    let [gamma, beta] = [(); 2].map(|()| random([output], device).require_grad());
    let mut least = [f64::INFINITY; 2];
    for _ in 0..3 {
        let began = Instant::now();
        let made =
            conv_bn_train(x.clone(), weight.clone(), gamma.clone(), beta.clone(), None, options);
        let forward = began.elapsed().as_secs_f64();
        let loss = made.output.cast(DType::F32).sum();
        let began = Instant::now();
        let gradients = loss.backward();
        let backward = began.elapsed().as_secs_f64();
        assert!(weight.grad(&gradients).is_some());
        least = [least[0].min(forward), least[1].min(backward)];
    }
    least
}

/// Seconds of the pooling behind the first layer, forward and backward.
fn pool(images: usize, dtype: DType, device: &Device) -> f64 {
    let x = random([images, 112, 112, 64], device).cast(dtype).detach().require_grad();
    let began = Instant::now();
    let _ = max_pool(x).cast(DType::F32).sum().backward();
    began.elapsed().as_secs_f64()
}
