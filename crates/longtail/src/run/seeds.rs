use std::path::Path;

use super::queue::{Goal, Job};
use crate::recipe::RecipeFile;

/// A run of `layers` for every seed, in the folders `seed-0`, `seed-1` and so on of `root`.
///
/// ```
/// use longtail::run::{of_seeds, queue::Goal};
///
/// let jobs = of_seeds(&[], &[0, 7], "runs/la".as_ref(), "la", Goal::Figures);
/// assert_eq!(jobs[1].folder, std::path::Path::new("runs/la/seed-7"));
/// assert_eq!(jobs[1].layers[0].train.seed, Some(7));
/// ```
pub fn of_seeds(
    layers: &[RecipeFile],
    seeds: &[u64],
    root: &Path,
    name: &str,
    goal: Goal,
) -> Vec<Job> {
    let job = |&seed: &u64| {
        let mut of_seed = RecipeFile::default();
        of_seed.train.seed = Some(seed);
        let layers = layers.iter().cloned().chain([of_seed]).collect();
        let name = format!("{name}, seed {seed}");
        Job { name, layers, folder: root.join(format!("seed-{seed}")), goal }
    };
    seeds.iter().map(job).collect()
}
