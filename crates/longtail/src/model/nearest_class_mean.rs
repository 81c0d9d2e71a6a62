/// Length below which a vector is not divided by it.
const NORM_EPSILON: f64 = 1e-12;

/// The nearest-class-mean classifier over a trained network's features (NCM, Kang et al. 2020).
///
/// The order is that of the paper's code with its default features, "cl2n": the mean of all training features, every
/// image counted once, is subtracted, then each feature is brought to unit length, then those of a class are averaged,
/// and the averages are left at the length they have.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestClassMean {
    feature_mean: Vec<f64>,
    class_means: Vec<Vec<f64>>,
}

/// Features from which no class means can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NearestClassMeanError {
    /// Labels and features do not fit.
    #[error(
        "{} do not fit the features of {}",
        crate::report::counted(*labels, "label", "labels"),
        crate::report::counted(*rows, "image", "images")
    )]
    Rows {
        /// Number of labels.
        labels: usize,
        /// Number of features.
        rows: usize,
    },
    /// There is no class.
    #[error("there is no class")]
    NoClass,
    /// A label names no class.
    #[error("label {label} of row {row} is out of range: there are {classes} classes")]
    Label {
        /// The label.
        label: u32,
        /// Where it stands.
        row: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A class has no feature.
    #[error("class {class} has no image, so its mean is undefined")]
    EmptyClass {
        /// The class.
        class: usize,
    },
    /// A feature is of another length than the first.
    #[error("{found} features stand where {expected} are needed")]
    Features {
        /// Its length.
        found: usize,
        /// That of the first.
        expected: usize,
    },
}

impl NearestClassMean {
    /// Of the features of a training set, one row and one label per image, every class with one at least.
    ///
    /// # Errors
    /// [`NearestClassMeanError`] for labels that do not fit, classes without an image and rows of several lengths.
    ///
    /// ```
    /// use longtail::model::NearestClassMean;
    ///
    /// let features = [vec![1.0, 0.0], vec![3.0, 0.0], vec![2.0, 6.0]];
    /// // About the mean (2, 2) they are (−1, −2), (1, −2), (0, 4).
    /// let ncm = NearestClassMean::fit(&features, &[0, 0, 1], 2)?;
    /// let expected = [vec![0.0, -2.0 / 5_f64.sqrt()], vec![0.0, 1.0]];
    /// for (mean, expected) in ncm.class_means().concat().iter().zip(expected.concat()) {
    ///     assert!((mean - expected).abs() < 1e-15);
    /// }
    /// # Ok::<(), longtail::model::NearestClassMeanError>(())
    /// ```
    pub fn fit<T: Copy + Into<f64>>(
        features: &[Vec<T>],
        labels: &[u32],
        classes: usize,
    ) -> Result<Self, NearestClassMeanError> {
        let of_class = count(features, labels, classes)?;
        let length = features.first().map_or(0, Vec::len);
        let mut feature_mean = vec![0.0; length];
        for row in features {
            check_length(row.len(), length)?;
            add(&mut feature_mean, row.iter().map(|&value| value.into()));
        }
        feature_mean.iter_mut().for_each(|sum| *sum /= features.len() as f64);
        let mut class_means = vec![vec![0.0; length]; classes];
        for (row, &label) in features.iter().zip(labels) {
            add(&mut class_means[label as usize], centred(row, &feature_mean));
        }
        for (sums, count) in class_means.iter_mut().zip(of_class) {
            sums.iter_mut().for_each(|sum| *sum /= count as f64);
        }
        Ok(Self { feature_mean, class_means })
    }

    /// The mean of every class, `[classes][features]`.
    pub fn class_means(&self) -> &[Vec<f64>] {
        &self.class_means
    }

    /// The mean of all features, from which they are centred.
    pub fn feature_mean(&self) -> &[f64] {
        &self.feature_mean
    }

    /// The score of every class for one image's feature: minus the squared distance of the class's mean to the feature,
    /// centred by the training set's mean and brought to unit length. A feature equal to that mean stays 0.
    ///
    /// # Errors
    /// [`NearestClassMeanError::Features`] for a feature of another length than those fitted.
    ///
    /// ```
    /// use longtail::model::NearestClassMean;
    ///
    /// let ncm = NearestClassMean::fit(&[vec![1.0], vec![3.0]], &[0, 1], 2)?;
    /// // About the mean 2, the class means are −1 and 1, and 7 becomes 1.
    /// assert_eq!(ncm.scores(&[7.0])?, [-4.0, 0.0]);
    /// # Ok::<(), longtail::model::NearestClassMeanError>(())
    /// ```
    pub fn scores<T: Copy + Into<f64>>(
        &self,
        feature: &[T],
    ) -> Result<Vec<f64>, NearestClassMeanError> {
        check_length(feature.len(), self.feature_mean.len())?;
        let feature: Vec<f64> = centred(feature, &self.feature_mean).collect();
        let of =
            |mean: &Vec<f64>| -mean.iter().zip(&feature).map(|(m, f)| (m - f).powi(2)).sum::<f64>();
        Ok(self.class_means.iter().map(of).collect())
    }
}

/// Images of every class.
fn count<T>(
    features: &[Vec<T>],
    labels: &[u32],
    classes: usize,
) -> Result<Vec<usize>, NearestClassMeanError> {
    if labels.len() != features.len() {
        let (labels, rows) = (labels.len(), features.len());
        return Err(NearestClassMeanError::Rows { labels, rows });
    }
    let mut of_class = vec![0_usize; classes];
    for (row, &label) in labels.iter().enumerate() {
        let out_of_range = NearestClassMeanError::Label { label, row, classes };
        *of_class.get_mut(label as usize).ok_or(out_of_range)? += 1;
    }
    match of_class.iter().position(|&count| count == 0) {
        _ if classes == 0 => Err(NearestClassMeanError::NoClass),
        Some(class) => Err(NearestClassMeanError::EmptyClass { class }),
        None => Ok(of_class),
    }
}

fn check_length(found: usize, expected: usize) -> Result<(), NearestClassMeanError> {
    if found == expected {
        Ok(())
    } else {
        Err(NearestClassMeanError::Features { found, expected })
    }
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// `row` minus `mean`, of unit length.
fn centred<T: Copy + Into<f64>>(row: &[T], mean: &[f64]) -> impl Iterator<Item = f64> {
    let values = row.iter().zip(mean).map(|(&value, mean)| value.into() - mean);
    let length = values.clone().map(|value| value * value).sum::<f64>().sqrt().max(NORM_EPSILON);
    values.map(move |value| value / length)
}
