use crate::{
    data::DataError,
    device::DeviceError,
    eval::EvalError,
    export::ExportError,
    recipe::RecipeError,
    report::{ReportError, compare::CompareError},
    run::RunError,
    train::TrainError,
};

/// Everything that can go wrong in the library, by the folder it comes from.
///
/// Every message says its cause itself. So that a printed chain of causes does not say it again, the
/// variants hold it as `r#source`, which is no `source()` to thiserror.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A data set, split or image could not be read or used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A recipe or option does not mean anything that can be run.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The device that was asked for cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A run could not start, continue or be saved.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Predictions could not be evaluated.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A report or log could not be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Runs could not be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A network could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Several runs in one command could not be made of what was asked for.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A result with this library's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;
