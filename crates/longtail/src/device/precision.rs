use burn::tensor::DType;

use crate::choice::choice;

choice! {
    /// The type in which the encoder keeps activations and multiplies. Sums, batch statistics, weights,
    /// heads, losses and the optimizer are f32 in any case.
    Precision {
        /// 32 bits.
        F32 = "f32",
        /// 16 bits with the range of f32.
        Bf16 = "bf16",
        /// 16 bits with more digits and less range: gradients are scaled so that they stay within it.
        F16 = "f16",
    }
}

impl Precision {
    /// The type.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
}
