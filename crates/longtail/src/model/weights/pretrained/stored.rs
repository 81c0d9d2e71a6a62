//! Tensors as files hold them.

use std::{collections::BTreeMap, io, ops::Range, path::Path, sync::Arc};

use burn::tensor::{bf16, f16};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::{PretrainedError, pytorch};
use crate::{
    data::names::text_of,
    model::weights::{Weights, file},
};

/// A tensor of a file.
#[derive(Debug, Clone)]
pub struct Stored {
    pub shape: Vec<usize>,
    ty: Type,
    bytes: Bytes,
}

/// Types that become f32, and the names of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    F32,
    F64,
    F16,
    BF16,
    Other(String),
}

#[derive(Debug, Clone)]
enum Bytes {
    /// A part of the file.
    Here(Arc<Vec<u8>>, Range<usize>),
    /// What reads them.
    There(pytorch_reader::Tensor),
}

impl Stored {
    pub fn of_pytorch(tensor: pytorch_reader::Tensor) -> Self {
        use pytorch_reader::DType;
        let ty = match tensor.dtype() {
            DType::F32 => Type::F32,
            DType::F64 => Type::F64,
            DType::F16 => Type::F16,
            DType::BF16 => Type::BF16,
            other => Type::Other(format!("{other:?}")),
        };
        Self { shape: tensor.shape().to_vec(), ty, bytes: Bytes::There(tensor) }
    }

    /// Its values as f32; `name` and `file` are for errors.
    pub fn values(&self, name: &str, file: &str) -> Result<Weights, PretrainedError> {
        let (file, name) = (|| file.to_owned(), || name.to_owned());
        if let Type::Other(found) = &self.ty {
            return Err(PretrainedError::Type { file: file(), name: name(), found: found.clone() });
        }
        let read;
        let bytes = match &self.bytes {
            Bytes::Here(all, range) => &all[range.clone()],
            Bytes::There(tensor) => {
                let failed = |error: io::Error| match pytorch::is_damage(&error) {
                    true => PretrainedError::Damaged { file: file() },
                    false => PretrainedError::Format { file: file(), reason: error.to_string() },
                };
                read = tensor.read().map_err(failed)?;
                &read
            }
        };
        let values = self.ty.values(bytes);
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(Weights { shape: self.shape.clone(), values }),
            false => Err(PretrainedError::NotFinite { file: file(), name: name() }),
        }
    }
}

impl Type {
    /// Little-endian bytes as f32.
    fn values(&self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect()
        }
        match self {
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F64 => each(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::F16 => each(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::BF16 => each(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Self::Other(_) => Vec::new(),
        }
    }
}

/// The tensors of the bytes of a safetensors file.
///
/// # Errors
/// [`PretrainedError::Damaged`] or [`PretrainedError::Format`], naming `path`; [`PretrainedError::Model`] if it has a
/// checksum of this program that does not fit.
pub fn of_safetensors(
    bytes: Vec<u8>,
    path: &Path,
) -> Result<BTreeMap<String, Stored>, PretrainedError> {
    let failed = |error: SafeTensorError| match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => {
            PretrainedError::Damaged { file: text_of(path) }
        }
        other => PretrainedError::Format { file: text_of(path), reason: other.to_string() },
    };
    SafeTensors::read_metadata(&bytes).map_err(failed)?;
    file::check(&file::metadata(&bytes, path)?, &bytes, path)?;
    let bytes = Arc::new(bytes);
    let tensors = SafeTensors::deserialize(&bytes).map_err(failed)?;
    let start = bytes.as_ptr().addr();
    let stored = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let ty = match view.dtype() {
            Dtype::F32 => Type::F32,
            Dtype::F64 => Type::F64,
            Dtype::F16 => Type::F16,
            Dtype::BF16 => Type::BF16,
            other => Type::Other(format!("{other:?}")),
        };
        let begin = view.data().as_ptr().addr() - start;
        let place = Bytes::Here(Arc::clone(&bytes), begin..begin + view.data().len());
        (name.to_owned(), Stored { shape: view.shape().to_vec(), ty, bytes: place })
    };
    Ok(tensors.iter().map(stored).collect())
}
