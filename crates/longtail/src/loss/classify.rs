use burn::tensor::Tensor;

use super::{Draw, LossError, Losses};
use crate::model::{BatchStatistics, Network, Pass};

/// The one draw of an objective that needs no second.
///
/// # Errors
/// [`LossError::Draws`] of more or fewer.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{Draw, only};
///
/// let draw = Draw { images: Tensor::zeros([1, 8, 8, 3], &Device::flex()), labels: vec![4] };
/// assert_eq!(only(&[draw.clone()])?.labels, [4]);
/// assert!(only(&[draw.clone(), draw]).is_err());
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn only(draws: &[Draw]) -> Result<&Draw, LossError> {
    match draws {
        [draw] => Ok(draw),
        _ => Err(LossError::Draws { given: draws.len(), needed: 1 }),
    }
}

/// Losses of the classifier alone on the one view of the one draw: `part` of its logits, called `name`.
///
/// # Errors
/// [`LossError::Draws`], and those of `part`.
///
/// ```
/// use longtail::loss::{Draw, LossError, Losses, classifier_alone, cross_entropy};
/// use longtail::model::Network;
///
/// fn losses(network: &Network, draws: &[Draw]) -> Result<Losses, LossError> {
///     classifier_alone(network, draws, "cross entropy", cross_entropy)
/// }
/// ```
pub fn classifier_alone(
    network: &Network,
    draws: &[Draw],
    name: &'static str,
    part: impl FnOnce(Tensor<2>, &[u32]) -> Result<Tensor<1>, LossError>,
) -> Result<Losses, LossError> {
    let Draw { images, labels } = only(draws)?;
    let mut statistics = BatchStatistics::default();
    let features = network.features(images.clone(), &mut Pass::Train(&mut statistics));
    let logits = network.logits(features);
    let total = part(logits.clone(), labels)?;
    Ok(Losses { parts: vec![(name, total.clone())], total, logits: vec![logits], statistics })
}
