use burn::tensor::Tensor;

use super::{
    ClassCountsError, LossError,
    terms::{check_shape, check_temperature, kl_divergence, log_softmax},
};

/// Knowledge distillation (Hinton et al. 2015): T² KL(p_teacher‖p_student), mean over the batch, both softmaxes of logits
/// divided by T. No gradient flows through the teacher.
///
/// RIDE adds it to the loss of [`super::Ride`] with weight 1 and T = 1.5, student and teacher being the means of their
/// experts; its code adds both losses once per expert, that is K times in all.
///
/// # Shapes
/// - `student`, `teacher`: `[rows, classes]`
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Temperature`], [`LossError::Shape`], [`LossError::NoRows`], [`LossError::ClassCounts`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::distillation;
///
/// let logits = |row| Tensor::<2>::from_data([row], &Device::flex());
/// let loss = distillation(logits([2.0, -2.0]), logits([0.0, 0.0]), 2.0)?;
/// // T² = 4 times KL of (½, ½) to (σ(2), σ(−2)).
/// assert!((loss.into_scalar::<f32>() - 4.0 * 1_f32.cosh().ln()).abs() < 1e-5);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn distillation(
    student: Tensor<2>,
    teacher: Tensor<2>,
    temperature: f64,
) -> Result<Tensor<1>, LossError> {
    check_temperature(temperature)?;
    check_shape("the logits of the teacher", teacher.dims(), student.dims())?;
    match student.dims() {
        [0, _] => return Err(LossError::NoRows),
        [_, 0] => return Err(LossError::ClassCounts(ClassCountsError::NoClass)),
        _ => {}
    }
    let softened = |logits: Tensor<2>| log_softmax(logits.mul_scalar(1.0 / temperature));
    let divergence = kl_divergence(softened(teacher.detach()), softened(student));
    Ok(divergence.mul_scalar(temperature * temperature))
}
