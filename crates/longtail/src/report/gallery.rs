//! Images that the page shows: of the rarest classes, and of what is mistaken for what.

use super::{AnalysedSet, Analyses, Called, Summary};
use crate::{
    data::{ImageSet, Part, Sets},
    eval::ConfusedPair,
    raster::{CropBox, Effort, Raster, RasterRef, png, resample},
};

/// The longest side of a picture in pixels. Larger images shrink to it; no image grows.
const SIDE: usize = 64;
/// Most classes whose images are shown, and most images of each from either set.
const CLASSES: usize = 8;
const IMAGES: usize = 6;
/// Most confusions whose images are shown, and most images of each.
pub(crate) const CONFUSIONS: usize = 10;
const EXAMPLES: usize = 4;

/// Small pictures of images of a run, made when its page is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gallery {
    /// The rarest classes, the rarest one first.
    pub rarest: Vec<RareClass>,
    /// Images of the worst confusions of the model of the last epoch, in their order.
    pub confused: Vec<Vec<Picture>>,
}

/// Images of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RareClass {
    /// Its label.
    pub label: u32,
    /// The first of its training images.
    pub train: Vec<Picture>,
    /// The first of its images in the set that is analysed.
    pub tested: Vec<Tested>,
}

/// An image that the model of the last epoch was tried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The image.
    pub picture: Picture,
    /// What the model calls it.
    pub called: u32,
}

/// An image as a PNG, no side longer than 64 pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// `[height, width]` in pixels.
    pub size: [usize; 2],
    /// The file.
    pub png: Vec<u8>,
}

impl Gallery {
    /// Of a run on `sets` that came to `summary`, with what `analyses` and `called` say of its set. Images that cannot be
    /// read any more are left out.
    pub fn of(
        sets: &Sets,
        summary: &Summary,
        analyses: Option<&Analyses>,
        called: Option<&Called>,
    ) -> Self {
        let set = analyses.map_or(AnalysedSet::Test, |analyses| analyses.set);
        let tested = match set {
            AnalysedSet::Test => sets.test.as_ref(),
            AnalysedSet::Val => sets.val.as_ref(),
        };
        let tested = tested.zip(called);
        let rarest = rarest(summary).into_iter().map(|label| RareClass {
            label,
            train: first_of(&sets.train, label).collect(),
            tested: tested.map_or_else(Vec::new, |(part, called)| tried(part, label, called)),
        });
        let confused = analyses.map_or(&[][..], |analyses| &analyses.last.worst_confusions);
        let confused = confused
            .iter()
            .take(CONFUSIONS)
            .map(|pair| tested.map_or_else(Vec::new, |(part, _)| examples(part, pair)));
        Self { rarest: rarest.collect(), confused: confused.collect() }
    }
}

/// Labels of the rarest third of the classes, at least one and no more than are shown.
fn rarest(summary: &Summary) -> Vec<u32> {
    let classes = summary.classes.len();
    let most = classes.div_ceil(3).min(CLASSES);
    summary.head_to_tail().into_iter().rev().take(most).map(|label| label as u32).collect()
}

/// Places in `part` of the first images of a class.
fn places(part: &Part, label: u32) -> impl Iterator<Item = (usize, u32)> {
    let labels = part.images.labels();
    let places = part.indices.iter().copied().enumerate();
    places.filter(move |(_, index)| labels[*index as usize] == label).take(IMAGES)
}

fn first_of(part: &Part, label: u32) -> impl Iterator<Item = Picture> {
    places(part, label).filter_map(|(_, index)| Picture::of(&part.images, index))
}

fn tried(part: &Part, label: u32, called: &Called) -> Vec<Tested> {
    let of = |(place, index): (usize, u32)| {
        let called = *called.last.get(place)?;
        Some(Tested { picture: Picture::of(&part.images, index)?, called })
    };
    places(part, label).filter_map(of).collect()
}

fn examples(part: &Part, pair: &ConfusedPair) -> Vec<Picture> {
    let indices = pair.images.iter().filter_map(|&place| part.indices.get(place));
    indices.take(EXAMPLES).filter_map(|&index| Picture::of(&part.images, index)).collect()
}

impl Picture {
    /// Of image `index`; `None` if it cannot be read.
    fn of(images: &ImageSet, index: u32) -> Option<Self> {
        let index = index as usize;
        if !images.holds(index) {
            return None;
        }
        let mut buffer = Vec::new();
        Self::shrunk(images.read(index, &mut buffer).ok()?)
    }

    fn shrunk(image: RasterRef<'_>) -> Option<Self> {
        let size = image.size();
        let longest = size[0].max(size[1]);
        let shrunk = size.map(|side| match longest > SIDE {
            true => (side * SIDE / longest).max(1),
            false => side,
        });
        let (mut spare, mut small) = (Raster::default(), Raster::default());
        resample(image, CropBox::whole(size), shrunk, &mut spare, &mut small);
        let png = png(&small.data, shrunk, Effort::Small).ok()?;
        Some(Self { size: shrunk, png })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_shrink_and_small_ones_stay() {
        for (size, expected) in
            [([2, 3], [2, 3]), ([64, 64], [64, 64]), ([128, 64], [64, 32]), ([65, 6500], [1, 64])]
        {
            let pixels = vec![7; size[0] * size[1] * 3];
            let picture = Picture::shrunk(RasterRef::new(size, &pixels)).unwrap();
            assert_eq!(picture.size, expected);
            let decoded = image::load_from_memory(&picture.png).unwrap().to_rgb8();
            assert_eq!([decoded.height() as usize, decoded.width() as usize], expected);
            assert!(decoded.pixels().all(|pixel| pixel.0 == [7; 3]));
        }
    }
}
