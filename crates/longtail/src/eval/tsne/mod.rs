//! t-SNE: a picture of features in which near ones lie near.

mod affinities;
mod convolution;
mod descent;
mod field;
mod forces;
mod neighbours;
mod options;
mod spline;
mod start;

pub use options::TsneOptions;

use self::{
    affinities::Affinities,
    descent::{Descent, Stage},
    neighbours::neighbours,
};
use super::{EvalError, Rows};

/// The fewest rows that have two neighbours each.
const FEWEST: usize = 3;

/// Points in the plane, one per row of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding2d {
    /// `[x, y]` of every row; their mean is 0.
    pub points: Vec<[f64; 2]>,
    /// The perplexity that the rows allowed.
    pub perplexity: f64,
    /// The Kullback–Leibler divergence of the points' similarities from those of the features, in nats.
    pub divergence: f64,
}

/// Embeds rows of features in the plane by t-SNE (van der Maaten and Hinton 2008), so that rows that are near in feature
/// space lie near. Distances between heaps, their sizes and their densities mean little.
///
/// Similarities are of the exact 3 · perplexity nearest neighbours, for n rows of d numbers in O(n² d). Points begin on the
/// first two principal components, which keeps the picture's large arrangement that of the features (Kobak and Berens 2019),
/// and descend with a learning rate of n / exaggeration (Belkina et al. 2019). Repulsion comes from a field on a grid
/// (Linderman et al. 2019), in time that grows with n; of fewer than 1,000 rows from all pairs.
///
/// The same features, options and seed give the same bits for any number of threads, on processors that give the Fourier
/// transforms the same instructions.
///
/// # Errors
/// If there are fewer than 3 rows, if a number is not finite, or if an option is out of range.
///
/// ```
/// use longtail::eval::{Rows, TsneOptions, tsne};
///
/// let features = Rows::new((0..40).map(|at| (at / 20 * 100 + at) as f32).collect(), 1).ok_or("no rows")?;
/// let embedding = tsne(&features, &TsneOptions::default())?;
/// assert_eq!(embedding.points.len(), 40);
/// assert_eq!(embedding.perplexity, 13.0); // a third of the other rows, not 30
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tsne(features: &Rows, options: &TsneOptions) -> Result<Embedding2d, EvalError> {
    options.check()?;
    let count = features.len();
    if count < FEWEST {
        return Err(EvalError::TooFewRows { rows: count });
    }
    features.check_finite("features")?;
    let features = &scaled(features);
    let perplexity = options.perplexity.min((count - 1) as f64 / 3.0).max(1.0);
    let of_each = (3.0 * perplexity).ceil().min((count - 1) as f64) as usize;
    let affinities = Affinities::of(&neighbours(features, of_each), of_each, perplexity);
    let mut descent = Descent::new(&affinities, start::start(features, options.seed));
    stages(options, count).iter().for_each(|stage| descent.run(stage));
    let divergence = forces::divergence(&affinities, &descent.points);
    Ok(Embedding2d { points: descent.points, perplexity, divergence })
}

fn stages(options: &TsneOptions, count: usize) -> [Stage; 2] {
    let stage = |iterations, exaggeration, momentum| Stage {
        iterations,
        exaggeration,
        momentum,
        learning_rate: count as f64 / exaggeration,
    };
    [
        stage(options.early_iterations, options.early_exaggeration, 0.5),
        stage(options.iterations, 1.0, 0.8),
    ]
}

/// The features by such a power of two that no square of them is too large; similarities do not change.
fn scaled(features: &Rows) -> Rows {
    let largest = features.values().iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = if largest > 0.0 { (-largest.log2().floor()).exp2() } else { 1.0 };
    // Of numbers near the least, the inverse is beyond f32.
    let scale = f64::from(scale).min(2_f64.powi(120));
    let values = features.values().iter().map(|&value| (f64::from(value) * scale) as f32).collect();
    Rows::new(values, features.width()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
