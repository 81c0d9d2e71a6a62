use burn::tensor::Tensor;

/// Length below which a class vector is not divided by it.
const NORM_EPSILON: f64 = 1e-12;

/// τ-normalisation of a trained classifier (Kang et al. 2020): every class vector w_c becomes w_c / ‖w_c‖^p, for
/// vectors of frequent classes have grown longer. p = 0 leaves them, p = 1 brings all to unit length; the paper picks p
/// (its τ) on a validation set, its code from 0 to 2 in steps of 0.1, and leaves the bias out of the logits.
///
/// A class vector of zeros stays so.
///
/// # Shapes
/// - `weights`: `[classes, features]`; `p`: finite
/// - output: as `weights`
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::model::tau_normalise;
///
/// let weights = Tensor::<2>::from_data([[3.0, 4.0], [0.0, 0.5]], &Device::flex());
/// let unit = tau_normalise(weights, 1.0).into_data().iter::<f64>().collect::<Vec<_>>();
/// for (value, expected) in unit.iter().zip([0.6, 0.8, 0.0, 1.0]) {
///     assert!((value - expected).abs() < 1e-6);
/// }
/// ```
pub fn tau_normalise(weights: Tensor<2>, p: f64) -> Tensor<2> {
    let length = weights.clone().square().sum_dim(1).sqrt().clamp_min(NORM_EPSILON);
    weights * length.log().mul_scalar(-p).exp()
}
