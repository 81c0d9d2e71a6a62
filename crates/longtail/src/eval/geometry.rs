use serde::{Deserialize, Serialize};

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
