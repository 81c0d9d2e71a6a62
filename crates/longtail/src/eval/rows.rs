use super::EvalError;

/// Rows of numbers of one width, one after the other: logits, features or projections of images.
///
/// ```
/// use longtail::eval::Rows;
///
/// let rows = Rows::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3).ok_or("not of whole rows")?;
/// assert_eq!((rows.len(), rows.row(1)), (2, &[4.0, 5.0, 6.0][..]));
/// assert!(Rows::new(vec![1.0], 3).is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows<T = f32> {
    values: Vec<T>,
    width: usize,
}

impl<T> Rows<T> {
    /// `values`: row by row, each of `width`; `None` where they are not of whole rows.
    pub fn new(values: Vec<T>, width: usize) -> Option<Self> {
        let whole = values.len().is_multiple_of(width);
        whole.then_some(Self { values, width })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The row of one image, counted from 0.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> &[T] {
        &self.values[index * self.width..][..self.width]
    }

    /// All rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, T> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

impl<T: Copy + Into<f64>> Rows<T> {
    /// Refuses logits that are not one row per label, of which no softmax can be made, or of fewer classes than labels
    /// say. A logit of -∞, which rules a class out, is none of these.
    pub(super) fn check_logits(&self, labels: &[u32]) -> Result<(), EvalError> {
        let (what, rows, classes) = ("logits", self.len(), self.width);
        if rows != labels.len() {
            return Err(EvalError::Rows { what, labels: labels.len(), rows });
        }
        EvalError::check_classes("label", labels, classes)?;
        let has_softmax = |row: &[T]| {
            let max = row.iter().map(|&v| v.into()).fold(f64::NEG_INFINITY, f64::max);
            max.is_finite() && !row.iter().any(|&v| v.into().is_nan())
        };
        let broken = self.iter().position(|row| !has_softmax(row));
        broken.map_or(Ok(()), |image| Err(EvalError::NotFinite { what, image }))
    }

    /// Refuses rows that are not one per label, and ones that hold something else than finite numbers.
    pub(super) fn check(&self, what: &'static str, labels: &[u32]) -> Result<(), EvalError> {
        if self.len() != labels.len() {
            return Err(EvalError::Rows { what, labels: labels.len(), rows: self.len() });
        }
        self.check_finite(what)
    }

    /// Refuses rows that hold something else than finite numbers.
    pub(super) fn check_finite(&self, what: &'static str) -> Result<(), EvalError> {
        let broken = self.iter().position(|row| row.iter().any(|&v| !v.into().is_finite()));
        broken.map_or(Ok(()), |image| Err(EvalError::NotFinite { what, image }))
    }
}
