use burn::tensor::Tensor;

use super::{LossError, check_labels, cross_entropy, terms::check_parameter};

/// The loss of cumulative learning (BBN, Zhou et al. 2020): the two branches' features are mixed to one row of
/// logits, which has two labels, that of the image from the uniform sampler and that of the one from the reversed
/// sampler.
///
/// l·CE(f, y_c) + (1 − l)·CE(f, y_r), each the mean over the batch; l from [`cumulative_share`]. The paper calls l
/// alpha.
///
/// # Shapes
/// - `logits`: `[rows, classes]`; `conventional`, `rebalancing`: y_c and y_r, one per row
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Parameter`] for a share outside of [0, 1]; [`LossError::Rows`], [`LossError::NoRows`],
/// [`LossError::Label`].
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::cumulative_learning;
///
/// let logits = Tensor::<2>::from_data([[3_f32.ln(), 0.0]], &Device::flex());
/// let loss = cumulative_learning(logits, &[0], &[1], 0.25)?;
/// let expected = -0.25 * 0.75_f32.ln() - 0.75 * 0.25_f32.ln();
/// assert!((loss.into_scalar::<f32>() - expected).abs() < 1e-6);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn cumulative_learning(
    logits: Tensor<2>,
    conventional: &[u32],
    rebalancing: &[u32],
    share: f64,
) -> Result<Tensor<1>, LossError> {
    let [rows, classes] = logits.dims();
    check_labels(conventional, rows, classes)?;
    check_labels(rebalancing, rows, classes)?;
    check_parameter("the share of a branch", share, 0.0..=1.0, "between 0 and 1")?;
    let of_conventional = cross_entropy(logits.clone(), conventional)?.mul_scalar(share);
    Ok(of_conventional + cross_entropy(logits, rebalancing)?.mul_scalar(1.0 - share))
}

/// l, the share of the conventional branch in epoch e of E, counted from 1: 1 − ((e − 1)/E)² (Zhou et al. 2020).
/// It falls from 1 and would be 0 in epoch E + 1; features and losses of BBN are mixed by it.
///
/// As in the paper's code, but that code takes an E of 100 for a run of 90 epochs and of 200 for one of 180.
///
/// # Errors
/// [`LossError::Epoch`] for an epoch that is not one of 1 to E.
///
/// ```
/// use longtail::loss::cumulative_share;
///
/// assert_eq!(cumulative_share(1, 200)?, 1.0);
/// assert_eq!(cumulative_share(101, 200)?, 0.75);
/// assert!(cumulative_share(201, 200).is_err());
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn cumulative_share(epoch: usize, epochs: usize) -> Result<f64, LossError> {
    if !(1..=epochs).contains(&epoch) {
        return Err(LossError::Epoch { epoch, epochs });
    }
    Ok(1.0 - ((epoch - 1) as f64 / epochs as f64).powi(2))
}
