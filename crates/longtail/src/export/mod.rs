//! Trained networks as files for other programs: weights for PyTorch, the whole computation for ONNX runtimes
//! (`docs/export.md`).

mod error;
mod exported;
mod onnx;
mod plain;
mod pth;
mod zip;

pub use error::ExportError;
pub use exported::{Adjustment, Exported, Format, Port, Size};
