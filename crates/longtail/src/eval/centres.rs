//! The classes of rows of features: their centres, how far their rows lie from these, and the centres from each other.

use rayon::prelude::*;

use super::{EvalError, Rows};

/// Centres whose distance is less than this share of the centres' largest distance from their mean coincide: rounding
/// alone parts them.
const COINCIDE: f64 = 1e-12;

/// Classes with rows, in f64. Every sum has one order, whatever the number of threads.
pub(super) struct Centres {
    /// Their labels, ascending.
    pub labels: Vec<u32>,
    /// Rows of each.
    pub images: Vec<usize>,
    /// D.
    pub dimensions: usize,
    /// Mean of each class less that of all classes, which count alike: `[classes, D]`.
    pub centred: Vec<f64>,
    /// Mean of the class means.
    pub middle: Vec<f64>,
    /// Mean distance of a class's rows to its centre.
    pub spreads: Vec<f64>,
    /// Sum of the squares of these distances.
    pub squares: Vec<f64>,
    /// Mean cosine of a class's rows to its centre, both less `middle`; `None` where one of them has no direction.
    pub cosines: Vec<Option<f64>>,
    /// Mean of all rows less `middle`.
    pub mean: Vec<f64>,
}

impl Centres {
    /// # Errors
    /// If rows and labels do not belong together, or if a number is not finite.
    pub fn of<T>(rows: &Rows<T>, labels: &[u32], what: &'static str) -> Result<Self, EvalError>
    where
        T: Copy + Into<f64> + Sync,
    {
        rows.check(what, labels)?;
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&image| labels[image]);
        let members: Vec<&[usize]> = order.chunk_by(|&a, &b| labels[a] == labels[b]).collect();
        let dimensions = rows.width();
        let means: Vec<Vec<f64>> = members.par_iter().map(|images| mean_of(rows, images)).collect();
        let mut middle = vec![0.0; dimensions];
        means.iter().for_each(|mean| add(&mut middle, mean, 1.0 / means.len() as f64));
        let centred = |mean: &Vec<f64>| mean.iter().zip(&middle).map(|(m, c)| m - c).collect();
        let centred: Vec<Vec<f64>> = means.iter().map(centred).collect();
        let around: Vec<Around> = members
            .par_iter()
            .zip(&means)
            .zip(&centred)
            .map(|((images, mean), centred)| Around::of(rows, images, mean, centred, &middle))
            .collect();
        let images: Vec<usize> = members.iter().map(|images| images.len()).collect();
        let mut mean = vec![0.0; dimensions];
        for (centre, &count) in centred.iter().zip(&images) {
            add(&mut mean, centre, count as f64 / labels.len().max(1) as f64);
        }
        Ok(Self {
            labels: members.iter().map(|images| labels[images[0]]).collect(),
            images,
            dimensions,
            centred: centred.concat(),
            middle,
            spreads: around.iter().map(|a| a.spread).collect(),
            squares: around.iter().map(|a| a.squares).collect(),
            cosines: around.iter().map(|a| a.cosine).collect(),
            mean,
        })
    }

    /// K.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn centre(&self, class: usize) -> &[f64] {
        &self.centred[class * self.dimensions..][..self.dimensions]
    }

    /// Distances of the centres from their mean.
    pub fn norms(&self) -> Vec<f64> {
        (0..self.len()).map(|class| square(self.centre(class)).sqrt()).collect()
    }

    /// Σ n_k ‖μ_k − μ‖², μ being the mean of all rows.
    pub fn between(&self) -> f64 {
        let of = |(class, &images): (usize, &usize)| {
            images as f64 * square_distance(self.centre(class), &self.mean)
        };
        self.images.iter().enumerate().map(of).sum()
    }

    /// The least distance that parts two centres.
    pub fn least(&self) -> f64 {
        let magnitude = square(&self.middle).sqrt() + self.norms().into_iter().fold(0.0, f64::max);
        COINCIDE * magnitude
    }
}

/// How the rows of a class lie around its centre.
struct Around {
    spread: f64,
    squares: f64,
    cosine: Option<f64>,
}

impl Around {
    fn of<T: Copy + Into<f64>>(
        rows: &Rows<T>,
        images: &[usize],
        mean: &[f64],
        centred: &[f64],
        middle: &[f64],
    ) -> Self {
        let length = square(centred).sqrt();
        let (mut spread, mut squares, mut cosine) = (0.0, 0.0, 0.0);
        for &image in images {
            let (mut away, mut along, mut own) = (0.0, 0.0, 0.0);
            for (((&x, m), c), g) in rows.row(image).iter().zip(mean).zip(centred).zip(middle) {
                let x: f64 = x.into();
                away += (x - m) * (x - m);
                along += (x - g) * c;
                own += (x - g) * (x - g);
            }
            squares += away;
            spread += away.sqrt();
            // Where one of them has no direction this is NaN, and stays so.
            cosine += along / (own.sqrt() * length);
        }
        let count = images.len() as f64;
        let cosine = Some(cosine / count).filter(|cosine| cosine.is_finite());
        Self { spread: spread / count, squares, cosine: cosine.map(|c| c.clamp(-1.0, 1.0)) }
    }
}

fn mean_of<T: Copy + Into<f64>>(rows: &Rows<T>, images: &[usize]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.width()];
    for &image in images {
        sum.iter_mut().zip(rows.row(image)).for_each(|(sum, &x)| *sum += x.into());
    }
    sum.iter().map(|sum| sum / images.len() as f64).collect()
}

fn add(sum: &mut [f64], values: &[f64], factor: f64) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * factor);
}

fn square(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

pub(super) fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
