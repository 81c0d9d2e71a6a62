//! Features to logits.

use super::builder::{Builder, Value};
use crate::{
    export::plain::{LOGIT_BIAS, Plain},
    model::{ModelError, NORM_EPSILON},
};

/// The logits of the features of every branch, which `all` has side by side; their name is `logits`.
pub fn logits(
    graph: &mut Builder<'_>,
    plain: &Plain,
    branches: &[String],
    all: &str,
) -> Result<(), ModelError> {
    if let [only] = &plain.classifiers[..] {
        affine(graph, plain, only, all, "logits")?;
        return Ok(());
    }
    let mut experts = Vec::new();
    for (owner, features) in plain.classifiers.iter().zip(branches) {
        experts.push(affine(graph, plain, owner, features, &format!("{owner}.logits"))?);
    }
    let bias = if graph.has(LOGIT_BIAS) { Some(graph.weight(LOGIT_BIAS)?) } else { None };
    let name = if bias.is_some() { "logits.mean" } else { "logits" };
    if plain.has_gates {
        gated(graph, &experts, branches, name)?;
    } else {
        let sums = sums(graph, &experts);
        mean(graph, sums.last().map_or("", String::as_str), experts.len(), name);
    }
    if let Some(bias) = bias {
        graph.node("Add", "logits", &[name, &bias]);
    }
    Ok(())
}

/// One classifier: `W u + b`, where u are features or what it makes of them first.
fn affine(
    graph: &mut Builder<'_>,
    plain: &Plain,
    owner: &str,
    features: &str,
    name: &str,
) -> Result<String, ModelError> {
    let mut x = features.to_owned();
    let centre = format!("{owner}.centre");
    if graph.has(&centre) {
        let centre = graph.weight(&centre)?;
        x = graph.node("Sub", &format!("{owner}.centred"), &[&x, &centre]);
    }
    if plain.classifier != "linear" {
        x = unit(graph, owner, &x);
    }
    linear(graph, owner, &x, name)
}

fn linear(graph: &mut Builder<'_>, owner: &str, x: &str, name: &str) -> Result<String, ModelError> {
    let weight = graph.weight(&format!("{owner}.weight"))?;
    let bias = graph.weight(&format!("{owner}.bias"))?;
    Ok(graph.node_with("Gemm", name, &[x, &weight, &bias], &[("transB", Value::Int(1))]))
}

/// Rows divided by their Euclidean length.
fn unit(graph: &mut Builder<'_>, owner: &str, x: &str) -> String {
    let part = |part: &str| format!("{owner}.unit.{part}");
    let axis = graph.ints("unit.axis", &[1]);
    let least = graph.floats("unit.least", &[], &[(NORM_EPSILON * NORM_EPSILON) as f32]);
    let squares = graph.node("Mul", &part("squares"), &[x, x]);
    let keep = [("keepdims", Value::Int(1))];
    let sum = graph.node_with("ReduceSum", &part("sum"), &[&squares, &axis], &keep);
    let sum = graph.node("Max", &part("above_zero"), &[&sum, &least]);
    let length = graph.node("Sqrt", &part("length"), &[&sum]);
    graph.node("Div", &part("features"), &[x, &length])
}

/// The sums of the logits of the first one, two and so on of the experts.
fn sums(graph: &mut Builder<'_>, experts: &[String]) -> Vec<String> {
    let mut sums: Vec<String> = experts.first().cloned().into_iter().collect();
    for (expert, logits) in experts.iter().enumerate().skip(1) {
        let so_far = sums[expert - 1].clone();
        sums.push(graph.node("Add", &format!("experts.sum.{expert}"), &[&so_far, logits]));
    }
    sums
}

fn mean(graph: &mut Builder<'_>, sum: &str, count: usize, name: &str) -> String {
    let count = graph.floats(&format!("experts.count.{count}"), &[], &[count as f32]);
    graph.node("Div", name, &[sum, &count])
}

/// The mean logits of the experts that each image is given: the first one, and one more for as long as the gates ask for
/// it ([`crate::model::Gates`]).
fn gated(
    graph: &mut Builder<'_>,
    experts: &[String],
    features: &[String],
    name: &str,
) -> Result<(), ModelError> {
    let sums = sums(graph, experts);
    let one = graph.floats("gates.one", &[], &[1.0]);
    let (mut sum, mut count, mut given) = (experts[0].clone(), one, None::<String>);
    for (gate, logits) in experts.iter().skip(1).enumerate() {
        let part = |part: &str| format!("gates.{gate}.{part}");
        let asked = asked(graph, gate, &sums[gate], &features[gate])?;
        let now = match given {
            Some(before) => graph.node("Mul", &part("given"), &[&before, &asked]),
            None => asked,
        };
        let more = graph.node("Mul", &part("logits"), &[logits, &now]);
        sum = graph.node("Add", &part("sum"), &[&sum, &more]);
        count = graph.node("Add", &part("count"), &[&count, &now]);
        given = Some(now);
    }
    graph.node("Div", name, &[&sum, &count]);
    Ok(())
}

/// 1 for images for which the gate behind an expert asks for another one, else 0: `[images, 1]`.
fn asked(
    graph: &mut Builder<'_>,
    gate: usize,
    sum: &str,
    features: &str,
) -> Result<String, ModelError> {
    let owner = format!("gates.{gate}");
    let hidden = format!("gates.hidden.{gate}");
    let seen = graph.shape("gates.gate.weight")?[1];
    let top = seen.saturating_sub(graph.shape(&format!("{hidden}.weight"))?[0]);
    let mean = mean(graph, sum, gate + 1, &format!("{owner}.mean"));
    let top = graph.ints("gates.top", &[top as i64]);
    let [largest, places] = ["largest", "places"].map(|part| format!("{owner}.{part}"));
    let axis = [("axis", Value::Int(1))];
    graph.add("TopK", &largest, &[&mean, &top], &[&largest, &places], &axis);
    let own = unit(graph, &owner, features);
    let own = linear(graph, &hidden, &own, &hidden)?;
    let own = graph.node("Relu", &format!("{hidden}.relu"), &[&own]);
    let seen = graph.node_with("Concat", &format!("{owner}.seen"), &[&largest, &own], &axis);
    let gate = linear(graph, "gates.gate", &seen, &format!("{owner}.logit"))?;
    let zero = graph.floats("gates.zero", &[], &[0.0]);
    let asks = graph.node("Greater", &format!("{owner}.asks"), &[&gate, &zero]);
    let float = [("to", Value::Int(1))];
    Ok(graph.node_with("Cast", &format!("{owner}.asked"), &[&asks], &float))
}
