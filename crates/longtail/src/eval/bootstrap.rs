use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{EvalError, interval::short};
use crate::rng::{Purpose, stream};

/// What the streams of one draw are for.
const OF_IMAGES: u64 = 0;
const OF_BASELINE_SEEDS: u64 = 1;
const OF_OTHER_SEEDS: u64 = 2;

/// How often [`paired_intervals`] draws, and from which randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Draws; at least one is made.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { draws: 10_000, seed: 0 }
    }
}

/// 95 % intervals of the difference in balanced top-1 between each of `others` and `baseline`, as
/// `[low, high]` in [-1, 1]: a paired bootstrap over the images that all of them were tested on.
///
/// `labels` holds the class of every image. `baseline` and each of `others` is one recipe, trained with one
/// or several seeds; of every seed it is known for every image whether it is right. A draw
///
/// 1. draws images with replacement within each class, the same for every run: what makes an image hard for
///    all of them does not count as a difference;
/// 2. draws seeds with replacement, for each recipe by itself, where it has several;
/// 3. takes the difference between the two means over drawn seeds of the balanced top-1 on drawn images.
///
/// The interval lies between the 2.5 % and the 97.5 % quantile of the differences. Of `n` images of a class,
/// and of `n` seeds, `n - 1` are drawn (Rao and Wu 1988): with `n` the variance would be `(n - 1)/n` of what it has
/// to be, which is half for two seeds. Classes of which there is one image are drawn from together, as
/// one image alone does not vary. Drawing seeds and images independently takes the variance rather too large
/// than too small (Owen 2007, "The pigeonhole bootstrap"); percentiles of few seeds are too narrow all the same.
///
/// The randomness of a draw is a function of the seed and the draw's number: the interval is the same to the bit for
/// any number of threads, and whatever else is compared at the same time. Bounds are rounded to 6 decimals.
///
/// # Errors
/// If there is no image, or a list of another length than `labels`, or a recipe without a seed.
///
/// ```
/// use longtail::eval::{Bootstrap, paired_intervals};
///
/// // 40 images of each of two classes. The baseline has half of class 0 right, the other all of it.
/// let labels: Vec<u32> = (0..80).map(|image| image / 40).collect();
/// let baseline: Vec<bool> = (0..80).map(|image| image % 2 == 0).collect();
/// let other: Vec<bool> = (0..80).map(|image| image < 40 || image % 2 == 0).collect();
/// let [interval] = paired_intervals(&labels, &[&baseline], &[vec![&other]], &Bootstrap::default())?[..]
///     else { unreachable!("one per recipe") };
/// // 1/4 ± 1.96 · √(½ · ½ / 39) / 2
/// assert!((interval[0] - 0.172).abs() < 0.01 && (interval[1] - 0.328).abs() < 0.01);
/// # Ok::<(), longtail::eval::EvalError>(())
/// ```
pub fn paired_intervals(
    labels: &[u32],
    baseline: &[&[bool]],
    others: &[Vec<&[bool]>],
    bootstrap: &Bootstrap,
) -> Result<Vec<[f64; 2]>, EvalError> {
    let runs: Vec<&[bool]> = baseline.iter().chain(others.iter().flatten()).copied().collect();
    let is_empty = baseline.is_empty() || others.iter().any(Vec::is_empty);
    if labels.is_empty() || is_empty {
        return Err(EvalError::Empty);
    }
    if let Some(run) = runs.iter().find(|run| run.len() != labels.len()) {
        return Err(EvalError::Lengths { labels: labels.len(), predictions: run.len() });
    }
    let strata = strata(labels, &runs);
    let draws: Vec<Vec<f64>> = (0..bootstrap.draws.max(1) as u64)
        .into_par_iter()
        .map(|draw| {
            let at = |what| stream(bootstrap.seed, Purpose::Bootstrap, draw, what, 0);
            let accuracies = accuracies(&strata, runs.len(), &mut at(OF_IMAGES));
            let (of_baseline, mut rest) = accuracies.split_at(baseline.len());
            let base = mean_of_seeds(of_baseline, &mut at(OF_BASELINE_SEEDS));
            let difference = |other: &Vec<&[bool]>| {
                let (seeds, more) = rest.split_at(other.len());
                rest = more;
                mean_of_seeds(seeds, &mut at(OF_OTHER_SEEDS)) - base
            };
            others.iter().map(difference).collect()
        })
        .collect();
    let interval = |other| middle(draws.iter().map(|draw| draw[other]).collect());
    Ok((0..others.len()).map(interval).collect())
}

/// Images that are drawn from together: those of one class, or of all classes that have one image.
struct Stratum {
    /// How many images are drawn.
    draws: usize,
    /// What one correct image adds to the balanced accuracy.
    weight: f64,
    /// Of every image, which of `patterns` it has.
    images: Vec<u32>,
    /// Which runs have an image right, a row for each way that there is: 1 or 0 of every run.
    patterns: Vec<u8>,
}

fn strata(labels: &[u32], runs: &[&[bool]]) -> Vec<Stratum> {
    let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (image, &label) in labels.iter().enumerate() {
        classes.entry(label).or_default().push(image);
    }
    let all = classes.len() as f64;
    let (single, several): (Vec<_>, Vec<_>) =
        classes.into_values().partition(|images| images.len() == 1);
    let single = single.concat();
    let of_single = (!single.is_empty()).then(|| (single.len() as f64 / all, single));
    let several = several.into_iter().map(|images| (1.0 / all, images));
    several.chain(of_single).map(|(share, images)| Stratum::of(&images, share, runs)).collect()
}

impl Stratum {
    /// `share` is the part of the balanced accuracy that the images stand for.
    fn of(images: &[usize], share: f64, runs: &[&[bool]]) -> Self {
        let draws = (images.len() - 1).max(1);
        let mut known: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut patterns = Vec::new();
        let images = images.iter().map(|&image| {
            let pattern: Vec<u8> = runs.iter().map(|run| u8::from(run[image])).collect();
            let next = known.len() as u32;
            *known.entry(pattern).or_insert_with_key(|pattern| {
                patterns.extend(pattern);
                next
            })
        });
        let images = images.collect();
        Self { draws, weight: share / draws as f64, images, patterns }
    }
}

/// The balanced accuracy of every run on one draw of images.
fn accuracies(strata: &[Stratum], runs: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut accuracies = vec![0.0; runs];
    let (mut counts, mut correct) = (Vec::new(), vec![0_u32; runs]);
    for stratum in strata {
        counts.clear();
        counts.resize(stratum.patterns.len() / runs, 0_u32);
        correct.fill(0);
        for _ in 0..stratum.draws {
            counts[stratum.images[below(stratum.images.len(), rng)] as usize] += 1;
        }
        for (&count, pattern) in counts.iter().zip(stratum.patterns.chunks_exact(runs)) {
            if count > 0 {
                let both = correct.iter_mut().zip(pattern);
                both.for_each(|(correct, &right)| *correct += count * u32::from(right));
            }
        }
        for (accuracy, &correct) in accuracies.iter_mut().zip(&correct) {
            *accuracy += f64::from(correct) * stratum.weight;
        }
    }
    accuracies
}

fn mean_of_seeds(accuracies: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let seeds = accuracies.len();
    if seeds == 1 {
        return accuracies[0];
    }
    let drawn = (1..seeds).map(|_| accuracies[below(seeds, rng)]);
    drawn.sum::<f64>() / (seeds - 1) as f64
}

/// An index below `length`; none is likelier than another by more than `length` in 2³².
fn below(length: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u64::from(rng.next_u32()) * length as u64) >> 32) as usize
}

/// The 2.5 % and the 97.5 % quantile, between two values in proportion.
fn middle(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        values[below] + (values[above] - values[below]) * place.fract()
    };
    short([quantile(0.025), quantile(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: u64) -> u64 {
        stream(value, Purpose::Bootstrap, 7, 7, 7).next_u64()
    }

    /// Right with the given chance in percent, decided by image and run.
    fn right(images: usize, chance: u64, run: u64) -> Vec<bool> {
        (0..images as u64).map(|image| hash(image << 8 | run) % 100 < chance).collect()
    }

    fn slices(runs: &[Vec<bool>]) -> Vec<&[bool]> {
        runs.iter().map(Vec::as_slice).collect()
    }

    /// The definition, image by image.
    fn plain(labels: &[u32], rows: [&[Vec<bool>]; 2], draws: usize) -> [f64; 2] {
        let mut classes: Vec<Vec<usize>> = Vec::new();
        let images_of = |label| (0..labels.len()).filter(move |&i| labels[i] == label).collect();
        classes.extend((0..=*labels.iter().max().unwrap()).map(images_of));
        classes.retain(|images: &Vec<usize>| !images.is_empty());
        let differences = (0..draws as u64).map(|draw| {
            let mut rng = stream(0, Purpose::Bootstrap, draw, 0, 0);
            let drawn: Vec<Vec<usize>> = classes
                .iter()
                .map(|images| {
                    let n = images.len() as u64;
                    let place = |rng: &mut ChaCha8Rng| (u64::from(rng.next_u32()) * n) >> 32;
                    (1..images.len()).map(|_| images[place(&mut rng) as usize]).collect()
                })
                .collect();
            let balanced = |run: &Vec<bool>| {
                let share = |images: &Vec<usize>| {
                    images.iter().filter(|&&i| run[i]).count() as f64 / images.len() as f64
                };
                drawn.iter().map(share).sum::<f64>() / drawn.len() as f64
            };
            let mean = |row: &[Vec<bool>], what| {
                let of_runs: Vec<f64> = row.iter().map(balanced).collect();
                let mut rng = stream(0, Purpose::Bootstrap, draw, what, 0);
                let seeds = row.len() as u64;
                match of_runs[..] {
                    [one] => one,
                    _ => {
                        let mut seed = || ((u64::from(rng.next_u32()) * seeds) >> 32) as usize;
                        let sum: f64 = (1..seeds).map(|_| of_runs[seed()]).sum();
                        sum / (seeds - 1) as f64
                    }
                }
            };
            mean(rows[1], 2) - mean(rows[0], 1)
        });
        let mut differences: Vec<f64> = differences.collect();
        differences.sort_by(f64::total_cmp);
        // 1001 draws: the quantiles are the draws 25 and 975.
        [differences[25], differences[975]]
    }

    #[test]
    fn it_is_the_plain_loop() {
        let labels: Vec<u32> = (0..60).map(|image| [0, 0, 0, 2, 2, 7][image % 6]).collect();
        let row = |seeds: u64, chance, from| {
            (from..from + seeds).map(|run| right(60, chance, run)).collect::<Vec<_>>()
        };
        let bootstrap = Bootstrap { draws: 1001, seed: 0 };
        for seeds in [1, 2, 5] {
            let (base, other) = (row(3, 50, 0), row(seeds, 70, 9));
            let found =
                paired_intervals(&labels, &slices(&base), &[slices(&other)], &bootstrap).unwrap();
            let plain = plain(&labels, [&base, &other], 1001);
            assert!((0..2).all(|i| (found[0][i] - plain[i]).abs() < 1e-6), "{found:?} {plain:?}");
        }
    }

    #[test]
    fn of_one_seed_it_is_the_normal_interval_of_the_paired_difference() {
        // 300 images of class 0, 100 of class 1; the pairs' differences are -1, 0 and 1.
        let labels: Vec<u32> = (0..400).map(|image| u32::from(image >= 300)).collect();
        let (base, other) = (right(400, 50, 0), right(400, 65, 1));
        let of = |images: std::ops::Range<usize>| {
            let n = images.len() as f64;
            let pairs =
                images.map(|i| f64::from(u8::from(other[i])) - f64::from(u8::from(base[i])));
            let pairs: Vec<f64> = pairs.collect();
            let mean = pairs.iter().sum::<f64>() / n;
            let squares: f64 = pairs.iter().map(|pair| (pair - mean).powi(2)).sum();
            (mean, squares / (n - 1.0) / n)
        };
        let [(mean0, variance0), (mean1, variance1)] = [of(0..300), of(300..400)];
        let mean = (mean0 + mean1) / 2.0;
        let margin = 1.959_964 * ((variance0 + variance1) / 4.0).sqrt();
        let found =
            paired_intervals(&labels, &[&base], &[vec![&other]], &Bootstrap::default()).unwrap();
        // A quantile of 10,000 draws is known to about 1.5 % of the margin.
        for (bound, expected) in found[0].into_iter().zip([mean - margin, mean + margin]) {
            assert!((bound - expected).abs() < 0.05 * margin, "{found:?} {mean} {margin}");
        }
    }

    #[test]
    fn seeds_vary_as_much_as_their_means_do() {
        // Each seed has all images of a class right or none, so that images say nothing.
        let labels: Vec<u32> = (0..300).map(|image| image % 100).collect();
        let seed = |classes: u32| labels.iter().map(|&label| label < classes).collect::<Vec<_>>();
        let right = [47, 52, 53, 56, 58, 59, 63, 64, 66, 71];
        let (base, other) = (vec![seed(50); 4], right.map(seed).to_vec());
        let found = paired_intervals(
            &labels,
            &slices(&base),
            &[slices(&other), slices(&base)],
            &Bootstrap::default(),
        )
        .unwrap();
        let values = right.map(|classes| f64::from(classes) / 100.0 - 0.5);
        let mean = values.iter().sum::<f64>() / 10.0;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let margin = 1.959_964 * (squares / 9.0 / 10.0).sqrt();
        for (bound, expected) in found[0].into_iter().zip([mean - margin, mean + margin]) {
            assert!((bound - expected).abs() < 0.07 * margin, "{found:?} {mean} {margin}");
        }
        assert_eq!(found[1], [0.0, 0.0]);
    }

    #[test]
    fn threads_and_what_else_is_compared_change_no_bit() {
        let labels: Vec<u32> = (0..90).map(|image| image % 7).collect();
        let runs: Vec<_> = (0..4).map(|run| right(90, 40 + 10 * run, run)).collect();
        let runs = slices(&runs);
        let bootstrap = Bootstrap { draws: 500, seed: 3 };
        let others = [vec![runs[1], runs[2]], vec![runs[3]]];
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| paired_intervals(&labels, &runs[..1], &others, &bootstrap).unwrap())
        };
        let all = with(1);
        assert_eq!(with(5), all);
        let alone = paired_intervals(&labels, &runs[..1], &others[1..], &bootstrap).unwrap();
        assert_eq!(alone[0], all[1]);
        let other_seed = Bootstrap { seed: 4, ..bootstrap };
        assert_ne!(paired_intervals(&labels, &runs[..1], &others, &other_seed).unwrap(), all);
    }

    #[test]
    fn classes_of_one_image_are_no_certainty() {
        let labels: Vec<u32> = (0..20).collect();
        let (base, other) = (vec![false; 20], right(20, 50, 1));
        let found =
            paired_intervals(&labels, &[&base], &[vec![&other]], &Bootstrap::default()).unwrap();
        assert!(found[0][1] - found[0][0] > 0.3, "{found:?}");
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        let (run, bootstrap) = ([true, false], Bootstrap::default());
        let of = |labels: &[u32], base: &[&[bool]], other: Vec<&[bool]>| {
            paired_intervals(labels, base, &[other], &bootstrap)
        };
        assert_eq!(of(&[], &[&[]], vec![&[]]), Err(EvalError::Empty));
        assert_eq!(of(&[0, 1], &[], vec![&run]), Err(EvalError::Empty));
        assert_eq!(of(&[0, 1], &[&run], vec![]), Err(EvalError::Empty));
        let lengths = EvalError::Lengths { labels: 2, predictions: 1 };
        assert_eq!(of(&[0, 1], &[&run], vec![&run[..1]]), Err(lengths));
        let one =
            paired_intervals(&[0], &[&[true]], &[vec![&[false]]], &Bootstrap { draws: 0, seed: 0 });
        assert_eq!(one, Ok(vec![[-1.0, -1.0]]));
    }
}
