use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{EvalError, Group, ShotThresholds};

/// Images of one class that are called another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfusedPair {
    /// What they are.
    pub label: u32,
    /// What they are called.
    pub prediction: u32,
    /// How many.
    pub count: usize,
    /// Their share of the images of `label`.
    pub share: f64,
    /// Positions in the set of up to four of them, the most confident ones first.
    pub images: Vec<usize>,
}

/// Which classes are called which: how many images of every pair of classes that occurs, so that it takes no more
/// memory than there are images.
///
/// ```
/// use longtail::eval::Confusion;
///
/// let confusion = Confusion::of(&[0, 0, 0, 1], &[0, 1, 1, 1], 2)?;
/// assert_eq!(confusion.pairs(), [(0, 0, 1), (0, 1, 2), (1, 1, 1)]);
/// assert_eq!(confusion.matrix(), [[1, 2], [0, 1]]);
/// # Ok::<(), longtail::eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    pairs: Vec<(u32, u32, usize)>,
    classes: usize,
}

impl Confusion {
    /// Of `predictions` against `labels`, both one class index below `classes` per image.
    ///
    /// # Errors
    /// If there is no image, if the lengths differ, or if a class index is out of range.
    pub fn of(labels: &[u32], predictions: &[u32], classes: usize) -> Result<Self, EvalError> {
        EvalError::check_predictions(labels, predictions, classes)?;
        let mut all: Vec<_> = labels.iter().copied().zip(predictions.iter().copied()).collect();
        all.sort_unstable();
        let pairs = all.chunk_by(|a, b| a == b).map(|same| (same[0].0, same[0].1, same.len()));
        Ok(Self { pairs: pairs.collect(), classes })
    }

    /// Label, prediction and their images, of all that occur, by label and then by prediction.
    pub fn pairs(&self) -> &[(u32, u32, usize)] {
        &self.pairs
    }

    /// Images of every class (row) by the class that they are called (column): C² numbers.
    pub fn matrix(&self) -> Vec<Vec<usize>> {
        let mut matrix = vec![vec![0; self.classes]; self.classes];
        for &(label, prediction, count) in &self.pairs {
            matrix[label as usize][prediction as usize] = count;
        }
        matrix
    }

    /// Images of the classes of one group (row) called a class of another (column), in the order of [`Group::ALL`].
    ///
    /// # Panics
    /// If there are fewer counts than classes.
    pub fn by_group(&self, train_counts: &[usize], shots: &ShotThresholds) -> [[usize; 3]; 3] {
        let place = |class: u32| {
            let group = shots.group(train_counts[class as usize]);
            Group::ALL.iter().position(|of| *of == group).unwrap_or_default()
        };
        let mut counts = [[0; 3]; 3];
        for &(label, prediction, count) in &self.pairs {
            counts[place(label)][place(prediction)] += count;
        }
        counts
    }

    /// What every class counts, by label.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.classes];
        for &(label, prediction, count) in &self.pairs {
            tallies[label as usize].images += count;
            tallies[prediction as usize].predicted += count;
            if label == prediction {
                tallies[label as usize].correct = count;
            }
        }
        tallies
    }

    /// The `most` pairs of different classes with the most images; of equal ones that with the larger share of its
    /// class, then the first by label.
    pub fn worst(&self, most: usize) -> Vec<(u32, u32, usize)> {
        let tallies = self.tallies();
        let images = |label: u32| tallies[label as usize].images;
        let mut wrong: Vec<_> = self.pairs.iter().copied().filter(|(l, p, _)| l != p).collect();
        // Of equal counts the share is the larger where the class has fewer images.
        wrong.sort_by_key(|&(label, _, count)| (Reverse(count), images(label)));
        wrong.truncate(most);
        wrong
    }
}

/// What one class counts in a [`Confusion`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Its images.
    pub images: usize,
    /// Images that are called so.
    pub predicted: usize,
    /// Images of both.
    pub correct: usize,
}

impl Tally {
    /// Correct / images; `None` without an image.
    pub fn recall(&self) -> Option<f64> {
        share(self.correct, self.images)
    }

    /// Correct / predicted; `None` where nothing is called so, and without an image.
    pub fn precision(&self) -> Option<f64> {
        share(self.correct, self.predicted).filter(|_| self.images > 0)
    }

    /// 2 · correct / (images + predicted), the harmonic mean of precision and recall; `None` without an image.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.correct, self.images + self.predicted).filter(|_| self.images > 0)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
