//! The built-in set: drawn images that need no download.
//!
//! A class is a shape with a texture, such as "striped star"; every shape and every texture is
//! shared by several classes of the head and of the tail. A class leans to a colour that three others
//! lean to as well; pose, background, clutter and noise vary freely within a class. The generator was
//! tuned looking at plain cross entropy alone and is frozen: its bytes are pinned by a test.

mod paint;
mod scene;
mod shape;

use rayon::prelude::*;

use super::{ImageSet, Source};
use crate::rng::{Purpose, stream};
use scene::Scene;
use shape::{Shape, Texture};

/// Height and width of the images.
pub const SIDE: usize = 32;
/// Imbalance factor that a run thins the pool with by default.
pub const IMBALANCE: f64 = 50.0;

/// The synthetic set's knobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthetic {
    /// Images of every class in the pool.
    pub n_max: usize,
    /// Test images of every class.
    pub test_per_class: usize,
    /// Seed of everything drawn.
    pub seed: u64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { n_max: 300, test_per_class: 100, seed: 0 }
    }
}

/// Which images are drawn, so that no stream is used twice.
#[derive(Clone, Copy)]
enum Set {
    Pool = 0,
    Test = 1,
}

impl Synthetic {
    /// Draws the pool (classes in blocks, balanced; a split thins it) and the balanced test set.
    pub fn source(&self) -> Source {
        let class_names = classes().map(|(shape, texture)| format!("{texture} {shape}")).collect();
        Source {
            name: "synthetic".into(),
            class_names,
            pool: self.draw(Set::Pool, self.n_max),
            val: None,
            test: Some(self.draw(Set::Test, self.test_per_class)),
        }
    }

    fn draw(&self, set: Set, per_class: usize) -> ImageSet {
        let classes: Vec<_> = classes().collect();
        let mut pixels = vec![0; classes.len() * per_class * SIDE * SIDE * 3];
        pixels.par_chunks_exact_mut(SIDE * SIDE * 3).enumerate().for_each(|(i, image)| {
            let (class, index) = (i / per_class, i % per_class);
            let (shape, texture) = classes[class];
            let (class, index) = (class as u64, index as u64);
            let mut rng = stream(self.seed, Purpose::Synthetic, set as u64, class, index);
            Scene::draw(shape, texture, &mut rng).paint(image, &mut rng);
        });
        let labels = (0..classes.len() as u32).flat_map(|c| vec![c; per_class]).collect();
        ImageSet::new(SIDE, SIDE, pixels, labels, Vec::new())
    }
}

/// Shape and texture of every class: neighbours in the order share neither, so that every shape and
/// every texture has classes in the head and in the tail.
fn classes() -> impl Iterator<Item = (Shape, Texture)> {
    let (shapes, textures) = (Shape::ALL.len(), Texture::ALL.len());
    (0..shapes * textures).map(move |class| {
        let (shape, round) = (class % shapes, class / shapes);
        (Shape::ALL[shape], Texture::ALL[(shape + round) % textures])
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::data::{class_counts, content};

    /// A change here is a new data set: figures measured on it no longer hold.
    #[test]
    fn the_bytes_are_frozen() {
        let source = Synthetic { n_max: 3, test_per_class: 2, ..Synthetic::default() }.source();
        let hashes = [content(&source.pool), content(&source.test.unwrap())];
        let frozen = [
            "baf9cf222406d1413dbfed989673abccd074226a7f1aaf87aa00cec0891a441b",
            "e08fc84044d90229cabe2a191e197b3b6192c4fba384918a5fd11ae3dc2ca2bd",
        ];
        assert_eq!(hashes, frozen);
    }

    #[test]
    fn head_and_tail_share_shapes_and_textures() {
        let classes: Vec<_> = classes().collect();
        let (head, tail) = classes.split_at(classes.len() / 2);
        for half in [head, tail] {
            let shapes: HashSet<_> = half.iter().map(|(shape, _)| *shape as usize).collect();
            let textures: HashSet<_> = half.iter().map(|(_, texture)| *texture as usize).collect();
            assert_eq!((shapes.len(), textures.len()), (Shape::ALL.len(), Texture::ALL.len()));
        }
        let unique: HashSet<String> = classes.iter().map(|(s, t)| format!("{t} {s}")).collect();
        assert_eq!(unique.len(), 24);
    }

    #[test]
    fn all_three_groups_are_there() {
        let counts =
            class_counts(Synthetic::default().n_max, &[("a class", 300); 24], IMBALANCE).unwrap();
        let few = counts.iter().filter(|&&n| n < 20).count();
        let many = counts.iter().filter(|&&n| n > 100).count();
        assert!(few >= 5 && many >= 5 && few + many < 22, "{counts:?}");
    }
}
