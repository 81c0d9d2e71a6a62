/// What surrounds the convolution and the normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvBnOptions {
    /// Stride of both axes.
    pub stride: usize,
    /// Zero padding on every side.
    pub padding: usize,
    /// Channel groups.
    pub groups: usize,
    /// Whether a ReLU follows (after the residual is added).
    pub relu: bool,
    /// Added to the variance before the square root.
    pub epsilon: f64,
}
