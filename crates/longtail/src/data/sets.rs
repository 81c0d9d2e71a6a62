use std::sync::Arc;

use super::{ImageSet, Source, Split};

/// Images of a set, by index.
#[derive(Debug, Clone)]
pub struct Part {
    /// The set.
    pub images: Arc<ImageSet>,
    /// Which of its images belong to the part.
    pub indices: Vec<u32>,
}

/// What a run trains, validates and tests on.
#[derive(Debug, Clone)]
pub struct Sets {
    /// Class names by label.
    pub class_names: Vec<String>,
    /// Training images.
    pub train: Part,
    /// Validation images; `None` without.
    pub val: Option<Part>,
    /// Test images; `None` without.
    pub test: Option<Part>,
    /// Training images of every class.
    pub train_counts: Vec<usize>,
    /// Hash of the split.
    pub split_hash: String,
}

impl Part {
    /// All of `images`; `None` for an empty set.
    fn whole(images: Option<ImageSet>) -> Option<Self> {
        let images = images.filter(|images| !images.is_empty())?;
        Some(Self { indices: (0..images.len() as u32).collect(), images: Arc::new(images) })
    }

    /// Labels of the part's images.
    pub fn labels(&self) -> Vec<u32> {
        self.indices.iter().map(|&index| self.images.labels()[index as usize]).collect()
    }
}

impl Sets {
    /// The parts that `split` picks from `source`. Validation and test sets of the source's own
    /// stand in where the split has none; the validation set only if `use_val`.
    pub fn new(source: Source, split: &Split, use_val: bool) -> Self {
        let train_counts = split.train_counts(source.pool.labels());
        let Source { class_names, pool, val, test, .. } = source;
        let pool = Arc::new(pool);
        let of_pool = |indices: &[u32]| {
            let part = Part { images: Arc::clone(&pool), indices: indices.to_vec() };
            (!indices.is_empty()).then_some(part)
        };
        let own_val = val.filter(|_| use_val);
        Self {
            train: Part { images: Arc::clone(&pool), indices: split.train.clone() },
            val: of_pool(&split.val).or_else(|| Part::whole(own_val)),
            test: of_pool(&split.test).or_else(|| Part::whole(test)),
            class_names,
            train_counts,
            split_hash: split.hash.clone(),
        }
    }
}
