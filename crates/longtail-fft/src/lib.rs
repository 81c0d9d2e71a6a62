//! Plans of two-dimensional Fourier transforms of real numbers.
//!
//! They are a crate of their own because `rustfft` is generic: every crate that makes a plan compiles all of its
//! butterflies, 15 % of the lines that `longtail` would compile, twice over beside its tests
//! (`docs/performance-log.md`, "Building").

use std::sync::Arc;

pub use realfft::{ComplexToReal, RealToComplex, num_complex::Complex};
pub use rustfft::Fft;

use realfft::RealFftPlanner;
use rustfft::FftPlanner;

/// The transforms of a grid of x × y real numbers: along the rows first, then along the columns of what is left of
/// them, x / 2 + 1 complex numbers a row; and back. None of them divides by the number of nodes.
///
/// ```
/// let plans = longtail_fft::GridPlans::new([4, 2]);
/// let (mut row, mut spectrum) = ([1.0, 2.0, 3.0, 4.0], [Default::default(); 3]);
/// plans.rows.process(&mut row, &mut spectrum)?;
/// assert_eq!(spectrum.map(|value| value.re), [10.0, -2.0, -2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GridPlans {
    /// A row of x numbers to x / 2 + 1.
    pub rows: Arc<dyn RealToComplex<f32>>,
    /// The same back, times x.
    pub rows_back: Arc<dyn ComplexToReal<f32>>,
    /// A column of y numbers.
    pub columns: Arc<dyn Fft<f32>>,
    /// The same back, times y.
    pub columns_back: Arc<dyn Fft<f32>>,
}

impl GridPlans {
    /// For rows of `x` numbers and columns of `y`.
    #[must_use]
    pub fn new([x, y]: [usize; 2]) -> Self {
        let (mut of_rows, mut of_columns) = (RealFftPlanner::new(), FftPlanner::new());
        Self {
            rows: of_rows.plan_fft_forward(x),
            rows_back: of_rows.plan_fft_inverse(x),
            columns: of_columns.plan_fft_forward(y),
            columns_back: of_columns.plan_fft_inverse(y),
        }
    }
}
