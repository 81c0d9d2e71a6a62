//! The whole computation as an ONNX graph: pixels in [0, 1], normalised, to logits, probabilities and features.

mod builder;
mod classifier;
mod encoder;
pub(super) mod proto;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use builder::{Builder, Value};
use prost::Message;

use super::{ExportError, Format, Port, Size, plain::Plain};
use crate::{
    augment::Normalize,
    model::{Layout, ModelError},
};

/// The version of ONNX's own operators.
const OPERATORS: i64 = 17;
/// The version of the format; that of ONNX 1.12.
const FORMAT: i64 = 8;
/// Bytes of the largest message that readers of protocol buffers take.
const LARGEST: usize = i32::MAX as usize;
/// What the input is, in words.
const INPUT: &str = "float32 [N, 3, image_size, image_size], channels red, green, blue, values from 0 to 1; the graph \
                     itself subtracts mean and divides by std";

/// The graph of a network with an encoder of this `layout`, as the bytes of an ONNX file. `[inputs, outputs]` say what it
/// takes and gives, by the names that the graph has for them.
pub fn to_onnx(
    plain: &Plain,
    layout: &Layout,
    normalize: &Normalize,
    [inputs, outputs]: [&[Port]; 2],
    mut about: BTreeMap<String, String>,
) -> Result<Vec<u8>, ExportError> {
    let mut graph = nodes(plain, layout, normalize)?.finish();
    graph.input = inputs.iter().map(value_info).collect();
    graph.output = outputs.iter().map(value_info).collect();
    // That is the safetensors file's.
    about.remove("format");
    about.insert("input".into(), INPUT.into());
    let entry = |(key, value)| proto::Entry { key, value };
    let model = proto::Model {
        ir_version: FORMAT,
        producer_name: "longtail".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: "An image classifier; its metadata say what goes in and what comes out.".into(),
        graph: Some(graph),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPERATORS }],
        metadata_props: about.into_iter().map(entry).collect(),
    };
    if model.encoded_len() > LARGEST {
        return Err(ExportError::TooLarge { format: Format::Onnx });
    }
    Ok(model.encode_to_vec())
}

fn nodes<'a>(
    plain: &'a Plain,
    layout: &Layout,
    normalize: &Normalize,
) -> Result<Builder<'a>, ModelError> {
    let mut graph = Builder::new(&plain.state);
    let pixels = encoder::normalised(&mut graph, "images", normalize);
    let branches = encoder::features(&mut graph, &pixels, layout)?;
    let names: Vec<&str> = branches.iter().map(String::as_str).collect();
    // Of one branch there is nothing to join, and the name is what users see.
    match names[..] {
        [only] => graph.node("Identity", "features", &[only]),
        _ => graph.node_with("Concat", "features", &names, &[("axis", Value::Int(1))]),
    };
    classifier::logits(&mut graph, plain, &branches, "features")?;
    graph.node_with("Softmax", "probabilities", &["logits"], &[("axis", Value::Int(1))]);
    Ok(graph)
}

fn value_info(port: &Port) -> proto::ValueInfo {
    let dimension = |size: &Size| proto::Dimension {
        value: Some(match size {
            Size::Images => proto::Size::Named("N".into()),
            Size::Fixed(size) => proto::Size::Fixed(*size as i64),
        }),
    };
    let shape = proto::Shape { dim: port.shape.iter().map(dimension).collect() };
    let of_floats = proto::TensorType { elem_type: proto::data_type::FLOAT, shape: Some(shape) };
    let r#type = Some(proto::Type { tensor_type: Some(of_floats) });
    proto::ValueInfo { name: port.name.to_owned(), r#type }
}
