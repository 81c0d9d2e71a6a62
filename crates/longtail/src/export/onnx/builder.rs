//! A graph under way.

use std::collections::BTreeMap;

use super::proto::{Attribute, Graph, Node, Tensor, attribute_type, data_type};
use crate::model::{
    ModelError,
    weights::{State, Weights},
};

/// A graph under way; values are known by their names.
pub struct Builder<'a> {
    state: &'a State,
    nodes: Vec<Node>,
    constants: BTreeMap<String, Tensor>,
}

/// An attribute of a node.
pub enum Value<'a> {
    Int(i64),
    Float(f32),
    Ints(&'a [i64]),
}

impl<'a> Builder<'a> {
    /// One without nodes, whose weights are among `state`.
    pub fn new(state: &'a State) -> Self {
        Self { state, nodes: Vec::new(), constants: BTreeMap::new() }
    }

    /// Adds a node of one output, and gives the output's name, which is the node's.
    pub fn node(&mut self, op: &str, name: &str, inputs: &[&str]) -> String {
        self.node_with(op, name, inputs, &[])
    }

    /// The same with attributes.
    pub fn node_with(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Value<'_>)],
    ) -> String {
        self.add(op, name, inputs, &[name], attributes);
        name.to_owned()
    }

    /// Adds a node of several outputs.
    pub fn add(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Value<'_>)],
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node {
            input: owned(inputs),
            output: owned(outputs),
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        });
    }

    /// The shape of a weight.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`].
    pub fn shape(&self, name: &str) -> Result<&'a [usize], ModelError> {
        Ok(&self.find(name)?.shape)
    }

    /// Whether there is a weight of this name.
    pub fn has(&self, name: &str) -> bool {
        self.state.contains_key(name)
    }

    /// A weight.
    ///
    /// # Errors
    /// As [`Builder::shape`].
    pub fn weight(&mut self, name: &str) -> Result<String, ModelError> {
        let Weights { shape, values } = self.find(name)?;
        let dims: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        Ok(self.floats(name, &dims, values))
    }

    fn find(&self, name: &str) -> Result<&'a Weights, ModelError> {
        self.state.get(name).ok_or_else(|| ModelError::MissingTensor {
            file: "the network".into(),
            name: name.to_owned(),
        })
    }

    /// A constant of numbers.
    pub fn floats(&mut self, name: &str, dims: &[i64], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, data_type::FLOAT, raw_data)
    }

    /// A constant list of whole numbers.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len() as i64], data_type::INT64, raw_data)
    }

    fn constant(&mut self, name: &str, dims: &[i64], kind: i32, raw_data: Vec<u8>) -> String {
        let (dims, owned) = (dims.to_vec(), name.to_owned());
        let tensor = Tensor { dims, data_type: kind, name: owned.clone(), raw_data };
        self.constants.entry(owned).or_insert(tensor);
        name.to_owned()
    }

    /// The graph, without what it takes and gives.
    pub fn finish(self) -> Graph {
        let initializer = self.constants.into_values().collect();
        let name = "longtail".to_owned();
        Graph { node: self.nodes, name, initializer, input: Vec::new(), output: Vec::new() }
    }
}

fn attribute(name: &str, value: &Value<'_>) -> Attribute {
    let empty = Attribute { name: name.to_owned(), ..Attribute::default() };
    match *value {
        Value::Int(i) => Attribute { i: Some(i), r#type: attribute_type::INT, ..empty },
        Value::Float(f) => Attribute { f: Some(f), r#type: attribute_type::FLOAT, ..empty },
        Value::Ints(ints) => {
            Attribute { ints: ints.to_vec(), r#type: attribute_type::INTS, ..empty }
        }
    }
}
