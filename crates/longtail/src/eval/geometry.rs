use serde::{Deserialize, Serialize};

use super::{
    EvalError, Group, Rows, ShotThresholds,
    centre_pairs::{ToOthers, simplex, to_others},
    centres::Centres,
    class_means::mean,
    round::significant,
};

/// Where the classes lie in a space of features: how compact each is and how far from the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Numbers of a feature.
    pub dimensions: usize,
    /// Calinski–Harabasz index.
    pub calinski_harabasz: Option<f64>,
    /// Davies–Bouldin index.
    pub davies_bouldin: Option<f64>,
    /// How evenly class centres lie around their mean.
    pub balance: Option<Balance>,
    /// Means over the classes by shot.
    pub many: Option<ClassMeans>,
    /// The same of medium-shot classes.
    pub medium: Option<ClassMeans>,
    /// The same of few-shot classes.
    pub few: Option<ClassMeans>,
    /// Means over the third of the classes with the most training images.
    pub head: Option<ClassMeans>,
    /// Means over the third with the fewest.
    pub tail: Option<ClassMeans>,
    /// By label.
    pub per_class: Vec<ClassGeometry>,
}

/// How evenly class centres lie around their mean. Of a simplex, the most even arrangement, the cosines of all pairs are
/// −1/(K − 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// Classes with images: K.
    pub classes: usize,
    /// Mean cosine of two centres, seen from the mean of all.
    pub cosine_mean: f64,
    /// Standard deviation of these cosines: 0 of a simplex.
    pub cosine_std: f64,
    /// −1/(K − 1).
    pub simplex: f64,
    /// Standard deviation of the centres' distances from their mean, as a share of the mean distance: 0 of a simplex.
    pub norm_variation: f64,
}

/// Means over some classes, of those in which the figure is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMeans {
    /// How many classes have an image.
    pub classes: usize,
    /// Mean of [`ClassGeometry::spread`].
    pub spread: Option<f64>,
    /// Mean of [`ClassGeometry::cosine`].
    pub cosine: Option<f64>,
    /// Mean of [`ClassGeometry::margin`].
    pub margin: Option<f64>,
    /// Mean of `spread / margin`.
    pub overlap: Option<f64>,
}

/// Where one class lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassGeometry {
    /// Its training images.
    pub train_count: usize,
    /// Its images in the set.
    pub images: usize,
    /// Mean distance of its images to their centre; `None` of fewer than 2 images.
    pub spread: Option<f64>,
    /// Mean cosine of its images to their centre, both seen from the mean of all centres; `None` of fewer than 2.
    pub cosine: Option<f64>,
    /// Distance of its centre to the nearest other one; `None` without an image or another class.
    pub margin: Option<f64>,
    /// The label of that one.
    pub nearest: Option<u32>,
}

/// Calinski and Harabasz' index of the classes of rows, [Σ n_k ‖μ_k − μ‖² / (K − 1)] / [Σ ‖x − μ_k‖² / (n − K)]: more is
/// better.
///
/// `None` where it is undefined: of fewer than two classes, where every row is a class of its own, and where no row
/// differs from its centre. (scikit-learn's is 1 in the last case.)
///
/// # Errors
/// If rows and labels do not belong together, or if a number is not finite.
///
/// ```
/// use longtail::eval::{Rows, calinski_harabasz};
///
/// let rows = Rows::new(vec![0.0, 2.0, 10.0, 12.0], 1).ok_or("no rows")?;
/// // Between: 4 · 5² / 1; within: 4 · 1² / 2.
/// assert_eq!(calinski_harabasz(&rows, &[0, 0, 1, 1])?, Some(50.0));
/// assert_eq!(calinski_harabasz(&rows, &[0, 0, 0, 0])?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn calinski_harabasz<T>(rows: &Rows<T>, labels: &[u32]) -> Result<Option<f64>, EvalError>
where
    T: Copy + Into<f64> + Sync,
{
    Ok(chi(&Centres::of(rows, labels, "features")?))
}

/// Davies and Bouldin's index of the classes of rows, 1/K · Σ_i max_j (S_i + S_j) / ‖μ_i − μ_j‖ with S_i the mean
/// distance of a class's rows to its centre: less is better.
///
/// `None` where it is undefined: of fewer than two classes, where every row is a class of its own, and where two centres
/// coincide, for then it is no number. (scikit-learn's leaves such pairs out, and is 0, the best there is, of nothing but
/// equal centres.)
///
/// # Errors
/// If rows and labels do not belong together, or if a number is not finite.
///
/// ```
/// use longtail::eval::{Rows, davies_bouldin};
///
/// let rows = Rows::new(vec![0.0, 2.0, 10.0, 12.0], 1).ok_or("no rows")?;
/// assert_eq!(davies_bouldin(&rows, &[0, 0, 1, 1])?, Some(0.2));
/// // Both centres are 6.
/// assert_eq!(davies_bouldin(&rows, &[0, 1, 1, 0])?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn davies_bouldin<T>(rows: &Rows<T>, labels: &[u32]) -> Result<Option<f64>, EvalError>
where
    T: Copy + Into<f64> + Sync,
{
    let centres = Centres::of(rows, labels, "features")?;
    Ok(dbi(&centres, &to_others(&centres)))
}

/// Whether classes can be told apart from rows at all.
fn has_clusters(centres: &Centres) -> bool {
    (2..centres.images.iter().sum()).contains(&centres.len())
}

fn chi(centres: &Centres) -> Option<f64> {
    let (rows, classes) = (centres.images.iter().sum::<usize>(), centres.len());
    let within: f64 = centres.squares.iter().sum();
    // What rounding leaves of equal rows is nothing.
    let least = rows as f64 * centres.least().powi(2);
    if !has_clusters(centres) || within <= least {
        return None;
    }
    Some(centres.between() / (classes - 1) as f64 / (within / (rows - classes) as f64))
}

fn dbi(centres: &Centres, to_others: &[ToOthers]) -> Option<f64> {
    let least = centres.least();
    let are_apart = to_others.iter().all(|to| to.nearest.is_some_and(|(d, _)| d > least));
    if !has_clusters(centres) || !are_apart {
        return None;
    }
    mean(to_others.iter().map(|to| to.overlap))
}

impl Geometry {
    /// Of the features of images of the classes `labels`, which training had `train_counts` images of. `what` they are,
    /// such as `projections`, is for errors.
    ///
    /// # Errors
    /// If rows and labels do not belong together, if a label has no training count, or if a number is not finite.
    ///
    /// ```
    /// use longtail::eval::{Geometry, Rows, ShotThresholds};
    ///
    /// let features = Rows::new(vec![0.0, 2.0, 10.0, 12.0], 1).ok_or("no rows")?;
    /// let shots = ShotThresholds::default();
    /// let geometry = Geometry::of(&features, &[0, 0, 1, 1], &[500, 5], &shots, "features")?;
    /// assert_eq!((geometry.per_class[1].spread, geometry.per_class[1].margin), (Some(1.0), Some(10.0)));
    /// assert_eq!(geometry.few.and_then(|few| few.overlap), Some(0.1));
    /// assert_eq!(geometry.medium, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of<T>(
        features: &Rows<T>,
        labels: &[u32],
        train_counts: &[usize],
        shots: &ShotThresholds,
        what: &'static str,
    ) -> Result<Self, EvalError>
    where
        T: Copy + Into<f64> + Sync,
    {
        EvalError::check_classes("label", labels, train_counts.len())?;
        let centres = Centres::of(features, labels, what)?;
        let to_others = to_others(&centres);
        let per_class = per_class(&centres, &to_others, train_counts);
        let of_group = |group| {
            ClassMeans::of(per_class.iter().filter(|class| shots.group(class.train_count) == group))
        };
        let (head, tail) = thirds(&per_class);
        Ok(Self {
            dimensions: centres.dimensions,
            calinski_harabasz: chi(&centres).map(significant),
            davies_bouldin: dbi(&centres, &to_others).map(significant),
            balance: Balance::of(&centres, &to_others),
            many: of_group(Group::Many),
            medium: of_group(Group::Medium),
            few: of_group(Group::Few),
            head,
            tail,
            per_class,
        })
    }
}

fn per_class(
    centres: &Centres,
    to_others: &[ToOthers],
    train_counts: &[usize],
) -> Vec<ClassGeometry> {
    let empty = |&train_count: &usize| ClassGeometry {
        train_count,
        images: 0,
        spread: None,
        cosine: None,
        margin: None,
        nearest: None,
    };
    let mut classes: Vec<_> = train_counts.iter().map(empty).collect();
    for (place, (&label, to)) in centres.labels.iter().zip(to_others).enumerate() {
        let class = &mut classes[label as usize];
        class.images = centres.images[place];
        if class.images > 1 {
            class.spread = Some(significant(centres.spreads[place]));
            class.cosine = centres.cosines[place].map(significant);
        }
        class.margin = to.nearest.map(|(distance, _)| significant(distance));
        class.nearest = to.nearest.map(|(_, other)| centres.labels[other]);
    }
    classes
}

/// Means over the classes with images that had the most training images, and those that had the fewest: a third each,
/// one at least.
fn thirds(per_class: &[ClassGeometry]) -> (Option<ClassMeans>, Option<ClassMeans>) {
    let mut tested: Vec<_> = per_class.iter().filter(|class| class.images > 0).collect();
    tested.sort_by_key(|class| std::cmp::Reverse(class.train_count));
    if tested.len() < 2 {
        return (None, None);
    }
    let third = (tested.len() / 3).max(1);
    let (head, tail) = (&tested[..third], &tested[tested.len() - third..]);
    (ClassMeans::of(head.iter().copied()), ClassMeans::of(tail.iter().copied()))
}

impl ClassMeans {
    /// Over the classes with images; `None` where there is none.
    fn of<'a>(classes: impl Iterator<Item = &'a ClassGeometry>) -> Option<Self> {
        let classes: Vec<_> = classes.filter(|class| class.images > 0).collect();
        let over = |figure: fn(&ClassGeometry) -> Option<f64>| {
            mean(classes.iter().filter_map(|class| figure(class))).map(significant)
        };
        (!classes.is_empty()).then(|| Self {
            classes: classes.len(),
            spread: over(|class| class.spread),
            cosine: over(|class| class.cosine),
            margin: over(|class| class.margin),
            overlap: over(ClassGeometry::overlap),
        })
    }
}

impl ClassGeometry {
    /// `spread / margin`, which no scale of the features changes; `None` where one is unknown or the margin is 0.
    pub fn overlap(&self) -> Option<f64> {
        Some(self.spread? / self.margin.filter(|margin| *margin > 0.0)?)
    }
}

impl Balance {
    /// `None` of fewer than two classes, and where a centre is the mean of all and so has no direction.
    fn of(centres: &Centres, to_others: &[ToOthers]) -> Option<Self> {
        let (classes, norms) = (centres.len(), centres.norms());
        let least = centres.least();
        if classes < 2 || norms.iter().any(|norm| *norm <= least) {
            return None;
        }
        // Every pair is seen from both sides.
        let pairs = (classes * (classes - 1)) as f64;
        let off = to_others.iter().map(|to| to.cosine).sum::<f64>() / pairs;
        let square = to_others.iter().map(|to| to.cosine_square).sum::<f64>() / pairs;
        let norm = mean(norms.iter().copied())?;
        let variance = mean(norms.iter().map(|other| (other - norm).powi(2)))?;
        Some(Self {
            classes,
            cosine_mean: significant(simplex(classes) + off),
            cosine_std: significant((square - off * off).max(0.0).sqrt()),
            simplex: significant(simplex(classes)),
            norm_variation: significant(variance.sqrt() / norm),
        })
    }
}
