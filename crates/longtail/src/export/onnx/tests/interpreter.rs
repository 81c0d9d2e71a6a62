//! Runs a graph as ONNX's operator definitions say, in 64 bits and without any cleverness.

use std::collections::HashMap;

use super::super::proto::{Graph, Node, Tensor, data_type};

/// An array of numbers, row-major. Whole numbers up to 2^53 are exact; larger ones mean "to the end" alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// All values of a graph by their names, given what goes in.
pub fn run(graph: &Graph, inputs: &[(&str, Array)]) -> HashMap<String, Array> {
    let mut values: HashMap<String, Array> = graph.initializer.iter().map(constant).collect();
    values.extend(inputs.iter().map(|(name, array)| ((*name).to_owned(), array.clone())));
    for node in &graph.node {
        let inputs: Vec<&Array> = node.input.iter().map(|name| &values[name]).collect();
        for (name, output) in node.output.iter().zip(apply(node, &inputs)) {
            assert!(values.insert(name.clone(), output).is_none(), "{name} is made twice");
        }
    }
    values
}

fn constant(tensor: &Tensor) -> (String, Array) {
    let values = match tensor.data_type {
        data_type::FLOAT => {
            let of = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
            tensor.raw_data.chunks(4).map(of).collect()
        }
        data_type::INT64 => {
            let of = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()) as f64;
            tensor.raw_data.chunks(8).map(of).collect()
        }
        other => panic!("elements of type {other}"),
    };
    (tensor.name.clone(), array(tensor.dims.iter().map(|&dim| dim as usize).collect(), values))
}

fn array(shape: Vec<usize>, values: Vec<f64>) -> Array {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    Array { shape, values }
}

fn int(node: &Node, name: &str) -> i64 {
    node.attribute.iter().find(|attribute| attribute.name == name).and_then(|a| a.i).unwrap()
}

fn ints(node: &Node, name: &str) -> Vec<usize> {
    let found = node.attribute.iter().find(|attribute| attribute.name == name).unwrap();
    found.ints.iter().map(|&int| int as usize).collect()
}

fn apply(node: &Node, x: &[&Array]) -> Vec<Array> {
    let one = match node.op_type.as_str() {
        "Identity" => x[0].clone(),
        "Relu" => each(x[0], |v| v.max(0.0)),
        "Sqrt" => each(x[0], f64::sqrt),
        "Cast" => x[0].clone(),
        "Add" => both(x, |a, b| a + b),
        "Sub" => both(x, |a, b| a - b),
        "Mul" => both(x, |a, b| a * b),
        "Div" => both(x, |a, b| a / b),
        "Max" => both(x, f64::max),
        "Greater" => both(x, |a, b| f64::from(u8::from(a > b))),
        "Conv" => conv(node, x),
        "MaxPool" => max_pool(node, x[0]),
        "BatchNormalization" => batch_norm(node, x),
        "Slice" => slice(x),
        "Pad" => pad(x),
        "GlobalAveragePool" => global_average_pool(x[0]),
        "Flatten" => flatten(node, x[0]),
        "Gemm" => gemm(node, x),
        "ReduceSum" => reduce_sum(node, x),
        "Concat" => concat(node, x),
        "Softmax" => softmax(node, x[0]),
        "TopK" => return top_k(node, x),
        other => panic!("operator {other}"),
    };
    vec![one]
}

fn each(x: &Array, f: impl Fn(f64) -> f64) -> Array {
    array(x.shape.clone(), x.values.iter().map(|&v| f(v)).collect())
}

/// The place of every number of an array of `shape`, by axis.
fn places(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |flat: usize| {
        let mut rest = flat;
        let mut place: Vec<usize> = shape
            .iter()
            .rev()
            .map(|size| {
                let at = rest % size;
                rest /= size;
                at
            })
            .collect();
        place.reverse();
        place
    })
}

/// The number at a place; sizes of 1 are repeated, as broadcasting has it.
fn at(x: &Array, place: &[usize]) -> f64 {
    let own = &place[place.len() - x.shape.len()..];
    let flat = own.iter().zip(&x.shape).fold(0, |flat, (&at, &size)| {
        let at = if size == 1 { 0 } else { at };
        assert!(at < size, "{place:?} in {:?}", x.shape);
        flat * size + at
    });
    x.values[flat]
}

fn both(x: &[&Array], f: impl Fn(f64, f64) -> f64) -> Array {
    let [a, b] = [x[0], x[1]];
    let rank = a.shape.len().max(b.shape.len());
    let size = |x: &Array, axis: usize| {
        (axis + x.shape.len()).checked_sub(rank).map_or(1, |own| x.shape[own])
    };
    let shape: Vec<usize> = (0..rank).map(|axis| size(a, axis).max(size(b, axis))).collect();
    let values = places(&shape).map(|place| f(at(a, &place), at(b, &place))).collect();
    array(shape, values)
}

fn conv(node: &Node, x: &[&Array]) -> Array {
    let (images, weight) = (x[0], x[1]);
    let [n, inputs, _, _] = images.shape[..] else { panic!("{:?}", images.shape) };
    let groups = node.attribute.iter().find(|a| a.name == "group").and_then(|a| a.i);
    let groups = groups.map_or(1, |groups| groups as usize);
    let windows = Windows::of(node, &images.shape);
    let (outputs, own, kernel) = (weight.shape[0], inputs / groups, windows.kernel);
    assert_eq!(weight.shape[1..], [own, kernel, kernel]);
    let shape = vec![n, outputs, windows.out[0], windows.out[1]];
    let of = |place: Vec<usize>| {
        let first = place[1] / (outputs / groups) * own;
        let of_input = |i: usize| {
            let pixels = windows.pixels(images, [place[0], first + i], [place[2], place[3]]);
            let taps = &weight.values[(place[1] * own + i) * kernel * kernel..];
            pixels.map(|(tap, pixel)| pixel * taps[tap]).sum::<f64>()
        };
        (0..own).map(of_input).sum()
    };
    let values = places(&shape).map(of).collect();
    array(shape, values)
}

fn max_pool(node: &Node, images: &Array) -> Array {
    let windows = Windows::of(node, &images.shape);
    let shape = vec![images.shape[0], images.shape[1], windows.out[0], windows.out[1]];
    let of = |place: Vec<usize>| {
        let pixels = windows.pixels(images, [place[0], place[1]], [place[2], place[3]]);
        pixels.map(|(_, pixel)| pixel).fold(f64::NEG_INFINITY, f64::max)
    };
    let values = places(&shape).map(of).collect();
    array(shape, values)
}

/// The windows that a convolution or a pooling looks through.
struct Windows {
    kernel: usize,
    stride: usize,
    pad: usize,
    out: [usize; 2],
}

impl Windows {
    fn of(node: &Node, images: &[usize]) -> Self {
        let alike = |name: &str| {
            let values = ints(node, name);
            assert!(values.iter().all(|value| *value == values[0]), "{name}: {values:?}");
            values[0]
        };
        let (kernel, stride, pad) = (alike("kernel_shape"), alike("strides"), alike("pads"));
        let out = [images[2], images[3]].map(|size| (size + 2 * pad - kernel) / stride + 1);
        Self { kernel, stride, pad, out }
    }

    /// The pixels of a window that lie in the image, each with its tap.
    fn pixels<'a>(
        &'a self,
        images: &'a Array,
        [image, channel]: [usize; 2],
        at: [usize; 2],
    ) -> impl Iterator<Item = (usize, f64)> + 'a {
        let [h, w] = [images.shape[2], images.shape[3]];
        let plane = &images.values[(image * images.shape[1] + channel) * h * w..][..h * w];
        let taps = (0..self.kernel * self.kernel).map(|tap| (tap / self.kernel, tap % self.kernel));
        taps.enumerate().filter_map(move |(tap, (dy, dx))| {
            let y = (at[0] * self.stride + dy).checked_sub(self.pad).filter(|y| *y < h)?;
            let x = (at[1] * self.stride + dx).checked_sub(self.pad).filter(|x| *x < w)?;
            Some((tap, plane[y * w + x]))
        })
    }
}

fn batch_norm(node: &Node, x: &[&Array]) -> Array {
    let epsilon = node.attribute.iter().find(|a| a.name == "epsilon").and_then(|a| a.f).unwrap();
    let of = |place: Vec<usize>| {
        let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|part| x[part].values[place[1]]);
        (at(x[0], &place) - mean) / (variance + f64::from(epsilon)).sqrt() * scale + shift
    };
    array(x[0].shape.clone(), places(&x[0].shape).map(of).collect())
}

fn slice(x: &[&Array]) -> Array {
    let (mut shape, mut steps) = (x[0].shape.clone(), vec![1; x[0].shape.len()]);
    for (i, &axis) in x[3].values.iter().enumerate() {
        let axis = axis as usize;
        steps[axis] = x[4].values[i] as usize;
        assert!(x[1].values[i] == 0.0 && x[2].values[i] >= shape[axis] as f64);
        shape[axis] = shape[axis].div_ceil(steps[axis]);
    }
    let of = |place: Vec<usize>| {
        let from: Vec<_> = place.iter().zip(&steps).map(|(at, step)| at * step).collect();
        at(x[0], &from)
    };
    let values = places(&shape).map(of).collect();
    array(shape, values)
}

fn pad(x: &[&Array]) -> Array {
    let (images, rank) = (x[0], x[0].shape.len());
    let sizes: Vec<usize> = x[1].values.iter().map(|&size| size as usize).collect();
    let (before, after) = sizes.split_at(rank);
    let shape: Vec<usize> = (0..rank).map(|i| before[i] + images.shape[i] + after[i]).collect();
    let of = |place: Vec<usize>| {
        let inner: Option<Vec<usize>> = (0..rank)
            .map(|i| place[i].checked_sub(before[i]).filter(|&at| at < images.shape[i]))
            .collect();
        inner.map_or(0.0, |place| at(images, &place))
    };
    let values = places(&shape).map(of).collect();
    array(shape, values)
}

fn global_average_pool(x: &Array) -> Array {
    let pixels: usize = x.shape[2..].iter().product();
    let means = x.values.chunks(pixels).map(|map| map.iter().sum::<f64>() / pixels as f64);
    array(vec![x.shape[0], x.shape[1], 1, 1], means.collect())
}

fn flatten(node: &Node, x: &Array) -> Array {
    let axis = int(node, "axis") as usize;
    let rows = x.shape[..axis].iter().product();
    array(vec![rows, x.shape[axis..].iter().product()], x.values.clone())
}

fn gemm(node: &Node, x: &[&Array]) -> Array {
    assert_eq!(int(node, "transB"), 1);
    let [rows, inputs] = x[0].shape[..] else { panic!("{:?}", x[0].shape) };
    let [outputs, width] = x[1].shape[..] else { panic!("{:?}", x[1].shape) };
    assert_eq!((inputs, vec![outputs]), (width, x[2].shape.clone()));
    let of = |place: Vec<usize>| {
        let products = (0..inputs).map(|i| at(x[0], &[place[0], i]) * at(x[1], &[place[1], i]));
        products.sum::<f64>() + x[2].values[place[1]]
    };
    array(vec![rows, outputs], places(&[rows, outputs]).map(of).collect())
}

fn reduce_sum(node: &Node, x: &[&Array]) -> Array {
    assert_eq!((int(node, "keepdims"), &x[1].values[..], x[0].shape.len()), (1, &[1.0][..], 2));
    let rows = x[0].values.chunks(x[0].shape[1]);
    array(vec![x[0].shape[0], 1], rows.map(|row| row.iter().sum()).collect())
}

fn concat(node: &Node, x: &[&Array]) -> Array {
    assert!(int(node, "axis") == 1 && x.iter().all(|part| part.shape.len() == 2));
    let rows = x[0].shape[0];
    let of_row = |row: usize| {
        x.iter().flat_map(move |part| {
            let width = part.shape[1];
            part.values[row * width..(row + 1) * width].to_vec()
        })
    };
    let width = x.iter().map(|part| part.shape[1]).sum();
    array(vec![rows, width], (0..rows).flat_map(of_row).collect())
}

fn softmax(node: &Node, x: &Array) -> Array {
    assert!(int(node, "axis") == 1 && x.shape.len() == 2);
    let of_row = |row: &[f64]| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = row.iter().map(|v| (v - largest).exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        exponentials.into_iter().map(move |e| e / sum).collect::<Vec<_>>()
    };
    array(x.shape.clone(), x.values.chunks(x.shape[1]).flat_map(of_row).collect())
}

fn top_k(node: &Node, x: &[&Array]) -> Vec<Array> {
    assert!(int(node, "axis") == 1 && x[0].shape.len() == 2);
    let (k, width) = (x[1].values[0] as usize, x[0].shape[1]);
    let (mut largest, mut at) = (Vec::new(), Vec::new());
    for row in x[0].values.chunks(width) {
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        largest.extend(order[..k].iter().map(|&place| row[place]));
        at.extend(order[..k].iter().map(|&place| place as f64));
    }
    let shape = vec![x[0].shape[0], k];
    vec![array(shape.clone(), largest), array(shape, at)]
}
