use super::APART;
use crate::cpu::{path::Kernels, shape::Shape, winograd_transform::TILE};

/// Tiles that are multiplied at once, where images are smaller: enough for weights to be worth
/// fetching.
const GROUP: usize = 32;
/// Most pixels of tiles for a pixel of the image: beyond it, more than half of the products would be in vain.
const MOST_IN_VAIN: usize = 2;

/// How the images of a shape are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Pixels of an image from top to bottom and from left to right.
    pub size: [usize; 2],
    /// Images that are worked on at once.
    pub images: usize,
}

impl Plan {
    /// Whether a convolution is one for Winograd, with vectors of so many lanes.
    pub fn fits(shape: &Shape, lanes: usize) -> bool {
        shape.kernel == [3, 3]
            && (shape.stride, shape.padding) == (1, 1)
            && [shape.height, shape.width].iter().all(|&size| size >= TILE)
            && Self::cut(shape).covered() <= MOST_IN_VAIN * shape.height * shape.width
            && [shape.input, shape.output].iter().all(|channels| channels.is_multiple_of(lanes))
    }

    /// `None` where the convolution is not one for Winograd.
    pub fn of<K: Kernels>(shape: &Shape) -> Option<Self> {
        Self::fits(shape, K::LANES).then(|| Self::cut(shape))
    }

    /// As [`Plan::of`], of a convolution for Winograd.
    pub fn cut(shape: &Shape) -> Self {
        let plan = Self { size: [shape.height, shape.width], images: 1 };
        let images = (GROUP / plan.of_image()).clamp(1, shape.weights_chunk().max(1));
        Self { images, ..plan }
    }

    /// Tiles of an image from top to bottom and from left to right; the last ones may reach beyond it.
    pub(super) fn tiles(&self) -> [usize; 2] {
        self.size.map(|size| size.div_ceil(TILE))
    }

    pub(super) fn of_image(&self) -> usize {
        self.tiles().iter().product()
    }

    /// Rows and columns of an image's tiles.
    pub fn covered_size(&self) -> [usize; 2] {
        self.tiles().map(|tiles| TILE * tiles)
    }

    /// Pixels of an image's tiles.
    pub fn covered(&self) -> usize {
        self.covered_size().iter().product()
    }

    /// Values from one point to the next of so many images.
    pub(super) fn point(&self, images: usize, channels: usize) -> usize {
        images * self.of_image() * channels + APART
    }
}
