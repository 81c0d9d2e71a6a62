use rand::{Rng, RngExt, seq::SliceRandom};

use super::{SamplerConfig, Sampling, SamplingError};
use crate::data::ClassCounts;

/// Images drawn class by class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassDraws {
    sampling: Sampling,
    epochs: usize,
    first_epoch: usize,
    replacement: bool,
    images_per_draw: usize,
    /// The images of every class.
    images: Vec<Vec<u32>>,
    counts: ClassCounts,
}

/// Cards that are dealt in a random order, and shuffled again when all are dealt.
#[derive(Debug, Clone)]
pub(super) struct Deck {
    cards: Vec<u32>,
    next: usize,
}

/// How the classes of an epoch are drawn.
enum Classes {
    /// All of them before any comes again.
    Deck(Deck),
    /// Each by its probability: the sums of those up to every class.
    Sums(Vec<f64>),
}

impl Deck {
    pub(super) fn new(cards: Vec<u32>) -> Self {
        let next = cards.len();
        Self { cards, next }
    }

    /// The next card; of none 0.
    pub(super) fn draw(&mut self, rng: &mut impl Rng) -> u32 {
        if self.next >= self.cards.len() {
            self.cards.shuffle(rng);
            self.next = 0;
        }
        self.next += 1;
        self.cards.get(self.next - 1).copied().unwrap_or_default()
    }
}

impl Classes {
    fn draw(&mut self, rng: &mut impl Rng) -> usize {
        match self {
            Self::Deck(deck) => deck.draw(rng) as usize,
            Self::Sums(sums) => {
                let place = rng.random_range(0.0..1.0);
                sums.partition_point(|sum| *sum <= place).min(sums.len().saturating_sub(1))
            }
        }
    }
}

impl ClassDraws {
    /// Of the images `indices`, where image `i` is of class `labels[i]`.
    pub(super) fn new(
        indices: &[u32],
        labels: &[u32],
        config: &SamplerConfig,
    ) -> Result<Self, SamplingError> {
        let mut images: Vec<Vec<u32>> = Vec::new();
        for &index in indices {
            let label = *labels.get(index as usize).ok_or(SamplingError::Label(index))? as usize;
            if images.len() <= label {
                images.resize(label + 1, Vec::new());
            }
            images[label].push(index);
        }
        Ok(Self {
            sampling: config.sampling,
            epochs: config.epochs,
            first_epoch: config.first_epoch,
            replacement: config.with_replacement(),
            images_per_draw: config.images_per_draw.max(1),
            counts: ClassCounts::new(images.iter().map(Vec::len).collect())?,
            images,
        })
    }

    /// `count` images in the order of an epoch.
    pub(super) fn order(&self, epoch: usize, count: usize, rng: &mut impl Rng) -> Vec<u32> {
        let mut classes = self.classes(epoch);
        let mut decks: Vec<Deck> = match self.replacement {
            true => Vec::new(),
            false => self.images.iter().cloned().map(Deck::new).collect(),
        };
        let mut order = Vec::with_capacity(count);
        while order.len() < count {
            let class = classes.draw(rng);
            for _ in 0..self.images_per_draw.min(count - order.len()) {
                order.push(match decks.get_mut(class) {
                    Some(deck) => deck.draw(rng),
                    None => self.images[class][rng.random_range(0..self.images[class].len())],
                });
            }
        }
        order
    }

    fn classes(&self, epoch: usize) -> Classes {
        if self.sampling == Sampling::ClassBalanced && !self.replacement {
            return Classes::Deck(Deck::new((0..self.images.len() as u32).collect()));
        }
        let epoch = epoch.saturating_sub(self.first_epoch);
        let probabilities = self.sampling.class_probabilities(&self.counts, epoch, self.epochs);
        let sums = probabilities.iter().scan(0.0, |sum, p| {
            *sum += p;
            Some(*sum)
        });
        Classes::Sums(sums.collect())
    }
}
