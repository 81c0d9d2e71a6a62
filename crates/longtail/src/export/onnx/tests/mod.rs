//! Graphs run by the definitions of their operators, beside the networks that they were made of.

mod interpreter;

use burn::tensor::{Tensor, TensorData};
use interpreter::{Array, run};
use prost::Message;

use super::{proto, *};
use crate::{
    device,
    eval::softmax,
    model::{
        Backbone, Branches, ClassifierKind, ClassifierStart, Network, NetworkConfig, Pass,
        ResNetKind,
        weights::{self, State, values},
    },
};

const CLASSES: usize = 5;
const NORMALIZE: Normalize = Normalize { mean: [0.4, 0.5, 0.6], std: [0.25, 0.2, 0.3] };
/// What two ways of adding up f32 may differ by.
const TOLERANCE: f64 = 1e-4;

fn config(depth: usize, classifier: ClassifierKind, branches: Branches) -> NetworkConfig {
    config_of(Backbone::ResNetCifar { depth }, classifier, branches)
}

fn config_of(backbone: Backbone, classifier: ClassifierKind, branches: Branches) -> NetworkConfig {
    NetworkConfig {
        classifier,
        cosine_scale: 9.0,
        head: Some([8, 4]),
        prototypes: true,
        branches,
        ..NetworkConfig::new(backbone, CLASSES)
    }
}

/// Numbers from `least` to `most`.
fn numbers(seed: u32, [least, most]: [f32; 2]) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        least + (most - least) * (state >> 8) as f32 / (1 << 24) as f32
    }
}

/// A network in which nothing is 0 or 1 that training would have changed.
fn network(config: &NetworkConfig, start: ClassifierStart) -> Network {
    let network = Network::new(config, 3, &device::cpu()).unwrap().with_classifier(start, 3, 1);
    let mut state: State = weights::state(&network);
    for ((name, weights), seed) in state.iter_mut().zip(7..) {
        let range = match name.rsplit('.').next().unwrap() {
            "running_var" | "class_scale" => Some([0.5, 2.0]),
            "running_mean" | "bias" => Some([-0.3, 0.3]),
            "centre" => Some([0.0, 0.5]),
            "weight" if weights.shape.len() == 1 => Some([0.7, 1.3]),
            "weight" if name.starts_with("fc") || name.starts_with("gates") => Some([-2.0, 2.0]),
            _ => None,
        };
        if let Some(range) = range {
            weights.values.fill_with(numbers(seed, range));
        }
    }
    weights::with_state(network, state, "a test").unwrap()
}

/// Images as the graph takes them, `[images, 3, size, size]`.
fn images(count: usize, size: usize) -> Array {
    let mut next = numbers(1, [0.0, 1.0]);
    let values = (0..count * 3 * size * size).map(|_| f64::from(next())).collect();
    Array { shape: vec![count, 3, size, size], values }
}

/// Logits and features by the network, which takes normalised images with the channels last.
fn by_network(network: &Network, images: &Array) -> [Vec<f32>; 2] {
    let [count, _, size, _] = images.shape[..] else { panic!() };
    let (pixels, mut last) = (size * size, Vec::new());
    for image in images.values.chunks(3 * pixels) {
        for pixel in 0..pixels {
            let of = |c: usize| {
                (image[c * pixels + pixel] as f32 - NORMALIZE.mean[c]) / NORMALIZE.std[c]
            };
            last.extend([0, 1, 2].map(of));
        }
    }
    let data = TensorData::new(last, [count, size, size, 3]);
    let features = network.features(Tensor::from_data(data, &device::cpu()), &mut Pass::Eval);
    [values(network.logits(features.clone())), values(features)]
}

fn graph(plain: &Plain, size: usize) -> proto::Model {
    let port = |name, shape: &[Size]| Port { name, shape: shape.to_vec() };
    let input =
        port("images", &[Size::Images, Size::Fixed(3), Size::Fixed(size), Size::Fixed(size)]);
    let outputs = [("logits", CLASSES), ("probabilities", CLASSES), ("features", plain.features)]
        .map(|(name, width)| port(name, &[Size::Images, Size::Fixed(width)]));
    let layout = plain.layout.as_ref().unwrap();
    let about = BTreeMap::from([("class_names".to_owned(), "[]".to_owned())]);
    let bytes = to_onnx(plain, layout, &NORMALIZE, [&[input], &outputs], about).unwrap();
    proto::Model::decode(&bytes[..]).unwrap()
}

#[track_caller]
fn near(found: &[f64], expected: impl IntoIterator<Item = f64>, what: &str) {
    let expected: Vec<f64> = expected.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let far = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far < TOLERANCE, "{what} differ by {far}");
}

/// What a graph gives is what the network gives, plus `shift` on the logits.
#[track_caller]
fn same(network: &Network, shift: Option<&[f32]>, what: &str) {
    // An odd size goes through both strides.
    let images = images(3, 9);
    let [logits, features] = by_network(network, &images);
    let model = graph(&Plain::of(network, shift), 9);
    let values = run(model.graph.as_ref().unwrap(), &[("images", images)]);
    let shift = shift.unwrap_or(&[0.0; CLASSES]);
    let shifted: Vec<f32> = logits.iter().zip(shift.iter().cycle()).map(|(l, s)| l + s).collect();
    let probabilities = shifted.chunks(CLASSES).flat_map(softmax);
    near(&values["features"].values, features.into_iter().map(f64::from), what);
    near(&values["logits"].values, shifted.iter().copied().map(f64::from), what);
    near(&values["probabilities"].values, probabilities.map(Into::into), what);
    let spread = logits.chunks(CLASSES).map(|row| (row[0] - row[1]).abs()).fold(0.0, f32::max);
    assert!(spread > 0.01, "{what}: logits tell classes apart");
}

const SHIFT: [f32; CLASSES] = [-1.0, 0.0, 0.5, 2.0, 3.0];

#[test]
fn every_backbone_and_classifier_is_the_networks() {
    use ClassifierKind::{Cosine, Linear};
    use ClassifierStart::{ClassMeans, ClassScales, Keep, NoBias};
    for (depth, kind, start) in [
        (8, Linear, Keep),
        (14, Linear, ClassScales),
        (8, Linear, NoBias),
        (8, Linear, ClassMeans),
        (20, Cosine, Keep),
        (8, Cosine, ClassScales),
    ] {
        let network = network(&config(depth, kind, Branches::One), start);
        let what = format!("resnet{depth}, {kind}, {start:?}");
        same(&network, None, &what);
        same(&network, Some(&SHIFT), &what);
    }
}

#[test]
fn networks_for_large_images_are_the_networks() {
    for kind in [ResNetKind::ResNet18, ResNetKind::ResNeXt50] {
        let config = config_of(Backbone::ResNet(kind), ClassifierKind::Linear, Branches::One);
        same(&network(&config, ClassifierStart::Keep), None, kind.name());
    }
}

#[test]
fn branches_and_experts_are_the_networks() {
    let experts = Branches::Experts { count: 3, widths: [24, 40] };
    for kind in [ClassifierKind::Linear, ClassifierKind::Cosine] {
        let network = network(&config(8, kind, experts), ClassifierStart::Keep);
        same(&network, None, "experts");
        same(&network, Some(&SHIFT), "experts");
    }
    for depth in [8, 14] {
        let branches = Branches::LastBlocks { count: 2 };
        let network =
            network(&config(depth, ClassifierKind::Linear, branches), ClassifierStart::Keep);
        same(&network, None, "branches");
    }
}

/// Among them experts of a ResNeXt, whose groups have 12 and 24 channels.
#[test]
fn branches_of_networks_for_large_images_are_the_networks() {
    let experts = Branches::Experts { count: 2, widths: [192, 384] };
    for (kind, classifier, branches) in [
        (ResNetKind::ResNeXt50, ClassifierKind::Cosine, experts),
        (ResNetKind::ResNet18, ClassifierKind::Linear, Branches::LastBlocks { count: 2 }),
    ] {
        let config = config_of(Backbone::ResNet(kind), classifier, branches);
        same(&network(&config, ClassifierStart::Keep), None, kind.name());
    }
}

#[test]
fn gates_give_images_the_networks_experts() {
    let experts = Branches::Experts { count: 3, widths: [24, 40] };
    let config = config(8, ClassifierKind::Cosine, experts);
    let network = network(&config, ClassifierStart::Gates);
    same(&network, None, "gates");
    same(&network, Some(&SHIFT), "gates");
    let model = graph(&Plain::of(&network, None), 9);
    let values = run(model.graph.as_ref().unwrap(), &[("images", images(12, 9))]);
    let asked: f64 = values["gates.0.asked"].values.iter().sum();
    assert!(asked > 0.0 && asked < 12.0, "{asked} of 12 need a second expert");
}

#[test]
fn a_graph_says_what_goes_in_and_what_comes_out() {
    let network = network(&config(8, ClassifierKind::Linear, Branches::One), ClassifierStart::Keep);
    let model = graph(&Plain::of(&network, None), 16);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    let about: BTreeMap<_, _> =
        model.metadata_props.iter().map(|entry| (&entry.key[..], &entry.value[..])).collect();
    assert_eq!(about["class_names"], "[]");
    assert!(about["input"].contains("values from 0 to 1"), "{}", about["input"]);
    let graph = model.graph.unwrap();
    let sizes = |info: &proto::ValueInfo| {
        let tensor = info.r#type.clone().unwrap().tensor_type.unwrap();
        tensor.shape.unwrap().dim.into_iter().map(|dim| dim.value.unwrap()).collect::<Vec<_>>()
    };
    let [n, fixed] = [proto::Size::Named("N".into()), proto::Size::Fixed(16)];
    let three = proto::Size::Fixed(3);
    assert_eq!(sizes(&graph.input[0]), [n, three, fixed.clone(), fixed]);
    let names: Vec<_> = graph.output.iter().map(|output| &output.name[..]).collect();
    assert_eq!(names, ["logits", "probabilities", "features"]);
    // Weights keep their names, and those of the training heads are left out.
    let names: Vec<_> = graph.initializer.iter().map(|tensor| &tensor.name[..]).collect();
    assert!(names.contains(&"encoder.layer3.0.bn2.running_var") && names.contains(&"fc.weight"));
    assert!(!names.iter().any(|name| name.starts_with("head")));
}

/// Numbers of fields and kinds of encoding are the format's, which a file that is read back by its writer does not show.
#[test]
fn messages_are_encoded_as_the_format_has_it() {
    let attribute = proto::Attribute {
        name: "a".into(),
        i: Some(0),
        ints: vec![1, -1],
        r#type: proto::attribute_type::INTS,
        ..proto::Attribute::default()
    };
    let minus_one = [&[0xff_u8; 9][..], &[1]].concat();
    let expected = [&b"\x0a\x01a\x18\x00\x40\x01\x40"[..], &minus_one, b"\xa0\x01\x07"].concat();
    assert_eq!(attribute.encode_to_vec(), expected);
    let tensor = proto::Tensor {
        dims: vec![2],
        data_type: proto::data_type::FLOAT,
        name: "t".into(),
        raw_data: vec![9],
    };
    assert_eq!(tensor.encode_to_vec(), b"\x08\x02\x10\x01\x42\x01t\x4a\x01\x09");
    let dimension = proto::Dimension { value: Some(proto::Size::Named("N".into())) };
    let shape = proto::Shape { dim: vec![dimension] };
    let tensor_type = Some(proto::TensorType { elem_type: 1, shape: Some(shape) });
    let info = proto::ValueInfo { name: "x".into(), r#type: Some(proto::Type { tensor_type }) };
    let expected = b"\x0a\x01x\x12\x0b\x0a\x09\x08\x01\x12\x05\x0a\x03\x12\x01N";
    assert_eq!(info.encode_to_vec(), expected);
}
