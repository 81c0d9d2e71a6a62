use std::collections::BTreeMap;

use super::{Rows, argmax};

/// What a network gives for the images of a set, one row per image, with what the images are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// The classes of the images.
    pub labels: Vec<u32>,
    /// One logit per class.
    pub logits: Rows,
    /// What the encoder gives, those of several branches side by side.
    pub features: Rows,
    /// z of length 1; `None` without a projection head.
    pub projections: Option<Rows>,
}

impl Outputs {
    /// The class of the largest logit of every image ([`argmax`]).
    pub fn predictions(&self) -> Vec<u32> {
        self.logits.iter().map(argmax).collect()
    }

    /// Features and labels of at most `most` images, in their order: as many of each class, as far as it has them.
    ///
    /// ```
    /// use longtail::eval::{Outputs, Rows};
    ///
    /// let features = Rows::new(vec![0.0, 1.0, 2.0, 3.0, 4.0], 1).ok_or("no rows")?;
    /// let outputs = Outputs { labels: vec![0, 0, 0, 1, 0], features, ..Outputs::default() };
    /// let (rows, labels) = outputs.features_by_class(3);
    /// assert_eq!((rows.values(), &labels[..]), (&[0.0, 1.0, 3.0][..], &[0, 0, 1][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn features_by_class(&self, most: usize) -> (Rows, Vec<u32>) {
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        let turns = self.labels.iter().map(|&label| {
            let turn = seen.entry(label).or_default();
            *turn += 1;
            *turn
        });
        let mut images: Vec<(usize, usize)> = turns.zip(0..self.features.len()).collect();
        images.sort_unstable();
        images.truncate(most);
        images.sort_unstable_by_key(|(_, image)| *image);
        let values = images.iter().flat_map(|(_, image)| self.features.row(*image)).copied();
        let rows = Rows::new(values.collect(), self.features.width()).unwrap_or_default();
        (rows, images.iter().map(|(_, image)| self.labels[*image]).collect())
    }
}
