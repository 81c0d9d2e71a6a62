use burn::tensor::{Int, Tensor};

use super::{
    LossError, check_labels,
    diversity::check_experts,
    terms::{check_parameter, check_shape, softplus},
};

/// The loss of RIDE's routing ("expert assignment", Wang et al. 2021): gate k says whether an image that has
/// passed the first k experts needs another. It does if the sum of these experts' logits is wrong and the sum with some
/// more of them is right.
///
/// Binary cross entropy of the gates' logits g, r = 1 where another expert is needed, mean over rows and gates:
/// v·r·log(1 + e^−g) + (1 − r)·log(1 + e^g). The positive weight v is 100 in the recipe for CIFAR-100.
///
/// # Shapes
/// - `gates`: `[rows, experts − 1]`; `experts`: one `[rows, classes]` each, in their order; `labels`: one per row
/// - output: `[1]`
///
/// # Errors
/// [`LossError::Experts`] for fewer than two experts, [`LossError::Shape`], [`LossError::Rows`], [`LossError::NoRows`],
/// [`LossError::ClassCounts`], [`LossError::Label`], [`LossError::Parameter`] for a weight that is not positive.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::expert_assignment;
///
/// let experts = [
///     Tensor::<2>::from_data([[2.0, 0.0], [2.0, 0.0]], &Device::flex()),
///     Tensor::<2>::from_data([[0.0, 5.0], [1.0, 0.0]], &Device::flex()),
/// ];
/// // Of label 1, the second expert mends the first row alone.
/// let gates = Tensor::<2>::zeros([2, 1], &Device::flex());
/// let loss = expert_assignment(gates, &experts, &[1, 1], 100.0)?;
/// assert!((loss.into_scalar::<f32>() - 101.0 / 2.0 * 2_f32.ln()).abs() < 1e-4);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
pub fn expert_assignment(
    gates: Tensor<2>,
    experts: &[Tensor<2>],
    labels: &[u32],
    positive_weight: f64,
) -> Result<Tensor<1>, LossError> {
    let [rows, classes] = check_experts(experts, 2)?;
    check_labels(labels, rows, classes)?;
    check_shape("the logits of the gates", gates.dims(), [rows, experts.len() - 1])?;
    let positive = f64::MIN_POSITIVE..;
    check_parameter("the positive weight", positive_weight, positive, "a positive number")?;
    let needed = needed(experts, labels).cast(gates.dtype());
    let missed = softplus(gates.clone().neg()).mul_scalar(positive_weight) * needed.clone();
    let needless = softplus(gates) * needed.neg().add_scalar(1.0);
    Ok((missed + needless).mean())
}

/// 1 where an image needs another expert after the first k, `[rows, experts − 1]`.
fn needed(experts: &[Tensor<2>], labels: &[u32]) -> Tensor<2> {
    let labels = Tensor::<1, Int>::from_ints(labels, &experts[0].device()).unsqueeze_dim(1);
    let mut sum: Option<Tensor<2>> = None;
    let mut right = Vec::with_capacity(experts.len());
    for expert in experts {
        let expert = expert.clone().detach();
        let so_far = match sum.take() {
            Some(sum) => sum + expert,
            None => expert,
        };
        right.push(so_far.clone().argmax(1).equal(labels.clone()).float());
        sum = Some(so_far);
    }
    let mut gates = Vec::with_capacity(experts.len() - 1);
    let mut later = right[experts.len() - 1].clone();
    for right in right[..experts.len() - 1].iter().rev() {
        gates.push(later.clone() * right.clone().neg().add_scalar(1.0));
        later = later.max_pair(right.clone());
    }
    gates.reverse();
    Tensor::cat(gates, 1)
}
