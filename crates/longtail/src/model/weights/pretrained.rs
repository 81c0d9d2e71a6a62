//! Weights of a file, of this program or of another, that a network begins with.

mod error;
mod fitted;
mod likely;
mod names;
mod pickled;
mod pytorch;
mod stored;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

pub use error::{Difference, Misfit, PretrainedError};
pub use fitted::{Fitted, Loaded};
use stored::Stored;

use crate::{data::names::text_of, model::Network, regular};

/// Bytes of the largest file that is read.
const LARGEST: u64 = 4 << 30;
/// Bytes of a file that tell what it is.
const HEAD: u64 = 9;
/// Bytes of the largest header that safetensors have.
const LARGEST_HEADER: u64 = 100_000_000;

/// The tensors of a file of weights: safetensors, or what `torch.save` writes (zip, legacy and tar files). What the file
/// is, its content says and not its name. Nothing in it is run.
///
/// Names are those of torchvision, timm or this program. The weights may be nested under a key of a checkpoint
/// (`state_dict`, `model`, …) and carry the prefixes of modules that wrap others (`module.`, `backbone.`, …). Values of 16
/// and 64 bits become f32.
///
/// ```
/// # use burn::tensor::Device;
/// use longtail::model::{Network, weights::{self, Pretrained}};
/// use longtail::{method::parts, recipe::Recipe};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("weights.safetensors");
/// # let (recipe, _) = Recipe::resolve(&[])?;
/// let network = |classes, seed| {
///     Network::new(&parts::network(&recipe.settings(), classes, None), seed, &Device::flex())
/// };
/// let trained = network(5, 1)?;
/// # std::fs::write(&file, weights::to_safetensors(&weights::state(&trained), Default::default())?)?;
/// // `file` has the weights of `trained`, which has five classes.
/// let (filled, loaded) = network(3, 0)?.with_pretrained(&Pretrained::read(&file)?)?;
/// let (before, after) = (weights::state(&trained), weights::state(&filled));
/// assert_eq!(after["encoder.conv1.weight"], before["encoder.conv1.weight"]);
/// assert_eq!(after["fc.weight"].shape, [3, 64]);
/// assert_eq!(loaded.missing, ["fc.weight", "fc.bias"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pretrained {
    path: PathBuf,
    tensors: BTreeMap<String, Stored>,
}

impl Pretrained {
    /// Reads the file at `path`; the values of PyTorch's files are read when they are needed.
    ///
    /// # Errors
    /// [`PretrainedError::Read`], [`PretrainedError::Damaged`], [`PretrainedError::Unread`], [`PretrainedError::Format`],
    /// [`PretrainedError::Empty`], or [`PretrainedError::Model`] where a checksum of this program does not fit.
    pub fn read(path: &Path) -> Result<Self, PretrainedError> {
        let mut tensors = match is_safetensors(path).map_err(|source| read(path, source))? {
            true => {
                let bytes = regular::read(path, LARGEST).map_err(|source| read(path, source))?;
                stored::of_safetensors(bytes, path)?
            }
            false => pytorch::read(path)?,
        };
        tensors.retain(|name, _| !names::is_counter(name));
        match tensors.is_empty() {
            true => Err(PretrainedError::Empty { file: text_of(path) }),
            false => Ok(Self { path: path.to_owned(), tensors }),
        }
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor of the file with its shape, under the file's own names; PyTorch's `num_batches_tracked` are none.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, stored)| (name.as_str(), &stored.shape[..]))
    }

    fn file(&self) -> String {
        text_of(&self.path)
    }
}

impl Network {
    /// The network with the weights of a file in its encoder, and in its classifier and heads where those fit, which is
    /// said beside it.
    ///
    /// # Errors
    /// [`PretrainedError`] unless the encoder is filled wholly, with finite values.
    pub fn with_pretrained(
        self,
        pretrained: &Pretrained,
    ) -> Result<(Self, Loaded), PretrainedError> {
        let fitted = pretrained.fitted(&self)?;
        let loaded = fitted.loaded().clone();
        Ok((fitted.fill(self)?, loaded))
    }
}

fn read(path: &Path, source: std::io::Error) -> PretrainedError {
    PretrainedError::Read { file: text_of(path), source }
}

/// Whether the file begins as safetensors do: the length of a header, and the brace that opens it.
fn is_safetensors(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    regular::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let length = head.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    Ok(length.is_some_and(|length| length <= LARGEST_HEADER) && head.get(8) == Some(&b'{'))
}

#[cfg(test)]
mod tests;
