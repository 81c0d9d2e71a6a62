use crate::model::ModelError;

/// A file of weights that a network cannot begin with. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The file cannot be read.
    #[error("the weights in {file} cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        r#source: std::io::Error,
    },
    /// The file is damaged, or none of weights.
    #[error(
        "{file} cannot be read as weights: {reason}; safetensors are read, and what torch.save writes of a state dict"
    )]
    Format {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was cut, or changed by accident.
    #[error("{file} is cut off or damaged: copy it again")]
    Damaged {
        /// The file.
        file: String,
    },
    /// It holds tensors of a kind that stops the reading of the whole file.
    #[error(
        "{file} cannot be read as weights: {} of Python's type {found}, and a file with such a tensor is not read, be it \
         needed or not: save the weights alone, as f32 (torch.save(model.float().state_dict(), …))",
        which(name.as_deref())
    )]
    Unread {
        /// The file.
        file: String,
        /// The first such tensor's name in the file, where that can be told.
        name: Option<String>,
        /// What Python calls its type, its storage or what makes it.
        found: String,
    },
    /// There is no tensor in it.
    #[error("{file} holds no tensor: save the state dict of a network")]
    Empty {
        /// The file.
        file: String,
    },
    /// None of its names is one of the encoder's.
    #[error(
        "{file} holds no weights of {network} under names that are known: it has {has}, and \"{needed}\" is looked for"
    )]
    Names {
        /// The file.
        file: String,
        /// What the encoder is called.
        network: String,
        /// Some of the names.
        has: String,
        /// The first name of the encoder.
        needed: String,
    },
    /// Its encoder is another one.
    #[error(transparent)]
    Misfit(Box<Misfit>),
    /// A tensor that is needed holds no floating-point numbers of a common type.
    #[error(
        "tensor \"{name}\" in {file} is of type {found}: weights of f32, f64, f16 and bf16 are read"
    )]
    Type {
        /// The file.
        file: String,
        /// The tensor's name in the file.
        name: String,
        /// Its type.
        found: String,
    },
    /// A value that is needed is no number, or too large for f32.
    #[error("tensor \"{name}\" in {file} holds a value that is not finite")]
    NotFinite {
        /// The file.
        file: String,
        /// The tensor's name in the file.
        name: String,
    },
    /// Other weights than a recipe names.
    #[error(
        "the weights in {file} are other ones than the recipe's: name the file that it was written with, or take \
         model.weights_digest out of it"
    )]
    Other {
        /// The file.
        file: String,
    },
    /// The network cannot be filled, or a checksum does not fit.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// An encoder that a file does not fill wholly, or that has no place for all of the file's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} does not fit {network}: {difference}{}", mend(likely.as_deref()))]
pub struct Misfit {
    /// The file.
    pub file: String,
    /// What the encoder is called.
    pub network: String,
    /// The first tensor that does not fit.
    pub difference: Difference,
    /// Which network the file seems to be of.
    pub likely: Option<String>,
}

/// A tensor that an encoder and a file do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The file does not have it.
    #[error("the file has no \"{name}\" of shape {shape:?}")]
    Missing {
        /// Its name in this program.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// What the file has under its name is no tensor.
    #[error("\"{name}\" in it is {found}, and no tensor of numbers")]
    NoTensor {
        /// Its name in the file.
        name: String,
        /// What it is, in words.
        found: String,
    },
    /// It has another shape.
    #[error("\"{name}\" has shape {found:?} where {expected:?} is needed")]
    Shape {
        /// Its name in the file.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape of the encoder.
        expected: Vec<usize>,
    },
    /// The encoder does not have it, and without it would compute something else.
    #[error("there is no place for \"{name}\" of shape {shape:?}")]
    Surplus {
        /// Its name in the file.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

fn which(name: Option<&str>) -> String {
    name.map_or_else(|| "a tensor in it is".into(), |name| format!("tensor \"{name}\" in it is"))
}

/// What to do where a file seems to be of another network.
fn mend(likely: Option<&str>) -> String {
    likely.map_or_else(String::new, |likely| format!("; it seems to be of {likely}"))
}
