use super::{EvalError, Rows};

/// The share of images whose class is among the `k` largest logits; `None` where `k` is 0 or no fewer than there are
/// classes, for then it says nothing.
///
/// Of equal logits the lower labels come first, as [`argmax`](super::argmax) has it, so that top-1 accuracy is `k` = 1.
///
/// # Errors
/// If rows and labels do not belong together, if a logit is NaN, or if a label is out of range.
///
/// ```
/// use longtail::eval::{Rows, top_k_accuracy};
///
/// let logits = Rows::new(vec![0.1, 0.5, 0.4, 0.7, 0.2, 0.1], 3).ok_or("no rows")?;
/// assert_eq!(top_k_accuracy(&logits, &[2, 2], 1)?, Some(0.0));
/// assert_eq!(top_k_accuracy(&logits, &[2, 2], 2)?, Some(0.5));
/// assert_eq!(top_k_accuracy(&logits, &[2, 2], 3)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn top_k_accuracy<T: Copy + Into<f64>>(
    logits: &Rows<T>,
    labels: &[u32],
    k: usize,
) -> Result<Option<f64>, EvalError> {
    logits.check_logits(labels)?;
    if k == 0 || k >= logits.width() {
        return Ok(None);
    }
    let among = logits.iter().zip(labels).filter(|(row, label)| is_among(row, **label, k)).count();
    Ok((!labels.is_empty()).then(|| among as f64 / labels.len() as f64))
}

/// Whether fewer than `k` classes come before `label`.
fn is_among<T: Copy + Into<f64>>(logits: &[T], label: u32, k: usize) -> bool {
    let own: f64 = logits[label as usize].into();
    let comes_before = |(class, &logit): (usize, &T)| {
        let logit: f64 = logit.into();
        logit > own || (logit == own && class < label as usize)
    };
    logits.iter().enumerate().filter(|place| comes_before(*place)).take(k).count() < k
}
