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

use super::{ImageSet, Listed, Listing, Source, known::SYNTHETIC};
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
        BuiltIn::SET
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
        Source {
            name: SYNTHETIC.into(),
            class_names: class_names(),
            pool: self.whole(Set::Pool, self.n_max),
            val: None,
            test: Some(self.whole(Set::Test, self.test_per_class)),
        }
    }

    fn whole(&self, set: Set, per_class: usize) -> ImageSet {
        let labels = labels(per_class);
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        ImageSet::new(SIDE, SIDE, self.draw(set, per_class, &all), labels, Vec::new())
    }

    /// Pixels of the images `indices`.
    fn draw(&self, set: Set, per_class: usize, indices: &[u32]) -> Vec<u8> {
        let classes: Vec<_> = classes().collect();
        let mut pixels = vec![0; indices.len() * SIDE * SIDE * 3];
        let images = pixels.par_chunks_exact_mut(SIDE * SIDE * 3).zip(indices);
        images.for_each(|(image, &i)| {
            let (class, index) = (i as usize / per_class, i as usize % per_class);
            let (shape, texture) = classes[class];
            let (class, index) = (class as u64, index as u64);
            let mut rng = stream(self.seed, Purpose::Synthetic, set as u64, class, index);
            Scene::draw(shape, texture, &mut rng).paint(image, &mut rng);
        });
        pixels
    }
}

/// The set that a recipe names, of which only those images are drawn that are used: what the others are is known.
pub(super) struct BuiltIn;

impl BuiltIn {
    const SET: Synthetic = Synthetic { n_max: 300, test_per_class: 100, seed: 0 };
    /// Hashes of the whole pool and of the test set.
    const CONTENT: [&str; 2] = [
        "68af3bac191521cad68da200ec8b7470dfa2f20a408d9b4703e747cca3e1b108",
        "186b6d8247b522f587160c6ddeb845940f04e86110183bc811d6c77f4cc3d31f",
    ];

    /// What it has, without an image drawn.
    pub fn listing() -> Listing {
        let Synthetic { n_max, test_per_class, .. } = Self::SET;
        let listed = |per_class: usize, content: &str| Listed {
            labels: labels(per_class),
            digests: Vec::new(),
            content: content.into(),
        };
        let [pool, test] = Self::CONTENT;
        Listing {
            name: SYNTHETIC.into(),
            class_names: class_names(),
            pool: listed(n_max, pool),
            val: None,
            test: Some(listed(test_per_class, test)),
            is_files: false,
            by_names: false,
        }
    }

    /// It with the images `used` of its pool.
    pub fn source(used: &[u32]) -> Source {
        let Synthetic { n_max, test_per_class, .. } = Self::SET;
        let pixels = Self::SET.draw(Set::Pool, n_max, used);
        let pool = ImageSet::new(SIDE, SIDE, pixels, vec![0; used.len()], Vec::new());
        Source {
            name: SYNTHETIC.into(),
            class_names: class_names(),
            pool: pool.part_of(labels(n_max), Vec::new(), used, Self::CONTENT[0].into()),
            val: None,
            test: Some(Self::SET.whole(Set::Test, test_per_class)),
        }
    }
}

/// Labels of images in blocks of classes.
fn labels(per_class: usize) -> Vec<u32> {
    (0..classes().count() as u32).flat_map(|class| vec![class; per_class]).collect()
}

fn class_names() -> Vec<String> {
    classes().map(|(shape, texture)| format!("{texture} {shape}")).collect()
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

    /// What is known of the built-in set is what it would be if it were drawn.
    #[test]
    fn what_is_used_of_the_built_in_set_is_that_of_the_whole() {
        let whole = Synthetic::default().source();
        let test = whole.test.as_ref().unwrap();
        assert_eq!([content(&whole.pool), content(test)], BuiltIn::CONTENT);
        assert_eq!(BuiltIn::listing(), Listing::of(&whole));
        let used = [0, 299, 300, 4_000, 7_199];
        let part = BuiltIn::source(&used);
        assert_eq!((part.test.as_ref(), part.pool.labels()), (Some(test), whole.pool.labels()));
        assert_eq!(content(&part.pool), content(&whole.pool));
        for index in 0..whole.pool.len() {
            assert_eq!(part.pool.holds(index), used.contains(&(index as u32)), "{index}");
        }
        for index in used.map(|index| index as usize) {
            assert_eq!(part.pool.image(index), whole.pool.image(index), "{index}");
        }
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
