/// Decoded RGB images of one size with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    names: Vec<String>,
    partial: Option<Partial>,
}

/// Of a set of which only some images are here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partial {
    /// Where each image's pixels are, or [`ABSENT`].
    places: Vec<u32>,
    /// Hash of the whole set.
    content: String,
}

const ABSENT: u32 = u32::MAX;

/// What a data set offers before a split is made.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name it goes by in recipes and reports, such as `cifar10-lt`.
    pub name: String,
    /// Class names; the label of an image is an index into this list.
    pub class_names: Vec<String>,
    /// The images that training (and held-out validation) are selected from, in official order.
    pub pool: ImageSet,
    /// Validation images that came with the set.
    pub val: Option<ImageSet>,
    /// Test images that came with the set.
    pub test: Option<ImageSet>,
}

impl ImageSet {
    /// An empty set of images of `height` × `width` pixels.
    pub fn empty(height: usize, width: usize) -> Self {
        Self::new(height, width, Vec::new(), Vec::new(), Vec::new())
    }

    /// Images from `pixels`, shape `[labels.len(), height, width, 3]`, row-major RGB.
    ///
    /// `names` holds one relative path per image, or is empty where images are no files.
    ///
    /// # Panics
    /// If the three lengths do not belong together: that is a programming error.
    pub fn new(
        height: usize,
        width: usize,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Self {
        assert_eq!(pixels.len(), labels.len() * height * width * 3, "pixels do not fit labels");
        assert!(names.is_empty() || names.len() == labels.len(), "names do not fit labels");
        Self { height, width, pixels, labels, names, partial: None }
    }

    /// A set with the labels and names of all its images and the pixels of some, shape
    /// `[stored.len(), height, width, 3]`; `content` is the [`Split::content`](super::Split) of the whole.
    ///
    /// # Panics
    /// If the lengths do not belong together, or an index lies outside.
    pub fn new_partial(
        height: usize,
        width: usize,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        names: Vec<String>,
        stored: &[u32],
        content: String,
    ) -> Self {
        assert_eq!(pixels.len(), stored.len() * height * width * 3, "pixels do not fit indices");
        assert!(names.is_empty() || names.len() == labels.len(), "names do not fit labels");
        let mut places = vec![ABSENT; labels.len()];
        for (place, &index) in stored.iter().enumerate() {
            places[index as usize] = place as u32;
        }
        Self { height, width, pixels, labels, names, partial: Some(Partial { places, content }) }
    }

    /// Whether the pixels of image `index` are here.
    pub fn holds(&self, index: usize) -> bool {
        let place = |partial: &Partial| partial.places.get(index).is_some_and(|&p| p != ABSENT);
        self.partial.as_ref().map_or(index < self.len(), place)
    }

    /// Hash of the whole set, where only some images are here.
    pub(super) fn content_of_whole(&self) -> Option<&str> {
        self.partial.as_ref().map(|partial| partial.content.as_str())
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height of every image in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every image in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The bytes of image `index`, shape `[height, width, 3]`.
    ///
    /// # Panics
    /// If the set does not hold it.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.height * self.width * 3;
        let place = self.partial.as_ref().map_or(index, |partial| partial.places[index] as usize);
        &self.pixels[place * size..(place + 1) * size]
    }

    /// The bytes of all images that are here, shape `[images, height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The labels of all images.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// One relative path per image; empty where images are no files.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many images each of `classes` classes has.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }
}
