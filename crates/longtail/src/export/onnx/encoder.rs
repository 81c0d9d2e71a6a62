//! Images to features.

use super::builder::{Builder, Value};
use crate::{
    augment::Normalize,
    model::{BN_EPSILON, Layout, ModelError, StageLayout, Stem},
};

/// `(images − mean) / std`
pub fn normalised(graph: &mut Builder<'_>, images: &str, by: &Normalize) -> String {
    let mean = graph.floats("pixels.mean", &[1, 3, 1, 1], &by.mean);
    let std = graph.floats("pixels.std", &[1, 3, 1, 1], &by.std);
    let centred = graph.node("Sub", "pixels.centred", &[images, &mean]);
    graph.node("Div", "pixels", &[&centred, &std])
}

/// The features of every branch.
pub fn features(
    graph: &mut Builder<'_>,
    pixels: &str,
    layout: &Layout,
) -> Result<Vec<String>, ModelError> {
    let first = stem(graph, pixels, layout.stem)?;
    let trunk = stages(graph, first, &layout.trunk)?;
    if layout.branches.is_empty() {
        return Ok(vec![pooled(graph, "encoder", &trunk)]);
    }
    let branches = layout.branches.iter().enumerate();
    let of = |(number, own): (usize, &Vec<StageLayout>)| {
        let maps = stages(graph, trunk.clone(), own)?;
        Ok(pooled(graph, &format!("branches.{number}"), &maps))
    };
    branches.map(of).collect()
}

fn stem(graph: &mut Builder<'_>, pixels: &str, stem: Stem) -> Result<String, ModelError> {
    let stride = if stem == Stem::Large { 2 } else { 1 };
    let first = conv_bn(graph, pixels, ["encoder.conv1", "encoder.bn1"], [stride, 1])?;
    let first = graph.node("Relu", "encoder.relu", &[&first]);
    if stem == Stem::Small {
        return Ok(first);
    }
    let window = [
        ("kernel_shape", Value::Ints(&[3, 3])),
        ("pads", Value::Ints(&[1; 4])),
        ("strides", Value::Ints(&[2, 2])),
    ];
    Ok(graph.node_with("MaxPool", "encoder.maxpool", &[&first], &window))
}

/// The mean over all pixels.
fn pooled(graph: &mut Builder<'_>, owner: &str, maps: &str) -> String {
    let pooled = graph.node("GlobalAveragePool", &format!("{owner}.pool"), &[maps]);
    graph.node_with("Flatten", &format!("{owner}.features"), &[&pooled], &[("axis", Value::Int(1))])
}

fn stages(
    graph: &mut Builder<'_>,
    input: String,
    stages: &[StageLayout],
) -> Result<String, ModelError> {
    let mut x = input;
    for StageLayout { name, strides, groups } in stages {
        for (block, &stride) in strides.iter().enumerate() {
            x = block_of(graph, &x, &format!("{name}.{block}"), [stride, *groups])?;
        }
    }
    Ok(x)
}

/// Two convolutions, or three, and what they are added to.
fn block_of(
    graph: &mut Builder<'_>,
    x: &str,
    name: &str,
    [stride, groups]: [usize; 2],
) -> Result<String, ModelError> {
    let part = |part: &str| format!("{name}.{part}");
    let is_bottleneck = graph.has(&part("conv3.weight"));
    let strides = if is_bottleneck { [1, stride] } else { [stride, 1] };
    let first = conv_bn(graph, x, [&part("conv1"), &part("bn1")], [strides[0], 1])?;
    let first = graph.node("Relu", &part("relu1"), &[&first]);
    let mut last = conv_bn(graph, &first, [&part("conv2"), &part("bn2")], [strides[1], groups])?;
    if is_bottleneck {
        let second = graph.node("Relu", &part("relu2"), &[&last]);
        last = conv_bn(graph, &second, [&part("conv3"), &part("bn3")], [1, 1])?;
    }
    let [conv, bn] = [part("downsample.0"), part("downsample.1")];
    let shortcut = match graph.has(&format!("{conv}.weight")) {
        true => conv_bn(graph, x, [&conv, &bn], [stride, 1])?,
        false => shortcut(graph, x, name, stride)?,
    };
    let sum = graph.node("Add", &part("add"), &[&last, &shortcut]);
    Ok(graph.node("Relu", &part("relu"), &[&sum]))
}

/// Every `stride`-th pixel, with zeros on both sides of the channels (He et al. 2016 §4.2, "option A"): of a block that
/// changes neither, the input.
fn shortcut(
    graph: &mut Builder<'_>,
    x: &str,
    name: &str,
    stride: usize,
) -> Result<String, ModelError> {
    let inputs = graph.shape(&format!("{name}.conv1.weight"))?[1];
    let is_bottleneck = graph.has(&format!("{name}.conv3.weight"));
    let last = if is_bottleneck { "conv3" } else { "conv2" };
    let outputs = graph.shape(&format!("{name}.{last}.weight"))?[0];
    let mut x = x.to_owned();
    if stride > 1 {
        let starts = graph.ints("shortcut.starts", &[0, 0]);
        let ends = graph.ints("shortcut.ends", &[i64::MAX, i64::MAX]);
        let axes = graph.ints("shortcut.axes", &[2, 3]);
        let steps = graph.ints(&format!("shortcut.steps.{stride}"), &[stride as i64; 2]);
        let name = format!("{name}.shortcut.pixels");
        x = graph.node("Slice", &name, &[&x, &starts, &ends, &axes, &steps]);
    }
    if outputs != inputs {
        let more = outputs.saturating_sub(inputs);
        let (before, after) = ((more / 2) as i64, (more - more / 2) as i64);
        let sizes = [0, before, 0, 0, 0, after, 0, 0];
        let sizes = graph.ints(&format!("shortcut.pads.{before}.{after}"), &sizes);
        x = graph.node("Pad", &format!("{name}.shortcut"), &[&x, &sizes]);
    }
    Ok(x)
}

/// A convolution, padded by half its kernel, and its batch norm with running statistics.
fn conv_bn(
    graph: &mut Builder<'_>,
    x: &str,
    [conv, bn]: [&str; 2],
    [stride, groups]: [usize; 2],
) -> Result<String, ModelError> {
    let kernel = graph.shape(&format!("{conv}.weight"))?[2];
    let weight = graph.weight(&format!("{conv}.weight"))?;
    let (strides, kernels) = ([stride as i64; 2], [kernel as i64; 2]);
    let pads = [(kernel / 2) as i64; 4];
    let attributes = [
        ("kernel_shape", Value::Ints(&kernels)),
        ("pads", Value::Ints(&pads)),
        ("strides", Value::Ints(&strides)),
        ("group", Value::Int(groups as i64)),
    ];
    let x = graph.node_with("Conv", conv, &[x, &weight], &attributes);
    let mut inputs = vec![x];
    for part in ["weight", "bias", "running_mean", "running_var"] {
        inputs.push(graph.weight(&format!("{bn}.{part}"))?);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let epsilon = ("epsilon", Value::Float(BN_EPSILON as f32));
    Ok(graph.node_with("BatchNormalization", bn, &inputs, &[epsilon]))
}
