use std::sync::Arc;

use super::{
    DataError, Fitted, Fitting,
    read_image::{OnDemand, ReadImage},
};
use crate::raster::{Pixels, RasterRef, Unreadable};

/// RGB images with their labels, and the size of the views that are made of them: decoded, or read one at a time.
///
/// An image that has not the size of a view is larger than that on at least one side and smaller on none, unless the set
/// holds whole images ([`ImageSet::test_side`]), which have any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    height: usize,
    width: usize,
    test_side: Option<usize>,
    pixels: Vec<u8>,
    /// `None`: every image has the size of a view.
    extents: Option<Extents>,
    labels: Vec<u32>,
    names: Vec<String>,
    partial: Option<Partial>,
    /// What reads the images, where they are not decoded here.
    on_demand: Option<OnDemand>,
}

/// Of images of different sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extents {
    /// `[height, width]` of every image that is here.
    sizes: Vec<[u32; 2]>,
    /// Where the bytes of each end.
    ends: Vec<usize>,
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

impl Extents {
    fn of(sizes: &[[usize; 2]]) -> Self {
        let mut end = 0;
        let ends = sizes.iter().map(|[height, width]| {
            end += height * width * 3;
            end
        });
        Self {
            ends: ends.collect(),
            sizes: sizes.iter().map(|size| size.map(|side| side as u32)).collect(),
        }
    }
}

impl ImageSet {
    /// An empty set of views of `height` × `width` pixels.
    pub fn empty(height: usize, width: usize) -> Self {
        Self::new(height, width, Vec::new(), Vec::new(), Vec::new())
    }

    /// Images that all have the size of a view, from `pixels`, shape
    /// `[labels.len(), height, width, 3]`, row-major RGB.
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
        let (test_side, extents, partial, on_demand) = (None, None, None, None);
        Self { height, width, test_side, pixels, extents, labels, names, partial, on_demand }
    }

    /// A set whose images `images` reads one at a time, for views of `height` × `width`. `content` is a digest of what the
    /// images are in, such as their files', and the set's identity.
    ///
    /// # Panics
    /// If there are names and not one for each label.
    pub fn on_demand(
        [height, width]: [usize; 2],
        labels: Vec<u32>,
        names: Vec<String>,
        content: String,
        images: Arc<dyn ReadImage>,
    ) -> Self {
        assert!(names.is_empty() || names.len() == labels.len(), "names do not fit labels");
        let on_demand = Some(OnDemand { images, content });
        Self { labels, names, on_demand, ..Self::empty(height, width) }
    }

    /// Images of the `sizes`, `[height, width]`, one after the other in `pixels`, for views of
    /// `height` × `width`. Where all have the size of a view, the set is that of [`ImageSet::new`].
    ///
    /// # Panics
    /// If the lengths do not belong together, or an image is smaller than a view.
    pub fn varied(
        [height, width]: [usize; 2],
        sizes: &[[usize; 2]],
        pixels: Vec<u8>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Self {
        if sizes.iter().all(|&size| size == [height, width]) {
            assert_eq!(sizes.len(), labels.len(), "sizes do not fit labels");
            return Self::new(height, width, pixels, labels, names);
        }
        let covers = |size: &[usize; 2]| size[0] >= height && size[1] >= width;
        assert!(sizes.iter().all(covers), "an image is smaller than a view");
        Self::of_sizes([height, width], sizes, pixels, labels, names)
    }

    /// Images as they are brought to before views are cut out of them: `sizes` are what [`Fitting::size_of`] gives.
    ///
    /// # Panics
    /// As [`ImageSet::varied`], but whole images may be smaller than a view.
    pub fn fitted(
        fitting: Fitting,
        sizes: &[[usize; 2]],
        pixels: Vec<u8>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Self {
        let view = [fitting.size; 2];
        match fitting.test_side() {
            None => Self::varied(view, sizes, pixels, labels, names),
            side => Self::of_sizes(view, sizes, pixels, labels, names).with_test_side(side),
        }
    }

    /// The set as one of whole images, of which a test sees the middle once the shorter side is `side`; or as one of
    /// images that are held as a test sees them.
    pub fn with_test_side(self, side: Option<usize>) -> Self {
        Self { test_side: side, ..self }
    }

    /// What the shorter side of an image is brought to before the middle is tested on; `None` where a test sees the
    /// middle of an image as it is held.
    pub fn test_side(&self) -> Option<usize> {
        self.test_side
    }

    fn of_sizes(
        [height, width]: [usize; 2],
        sizes: &[[usize; 2]],
        pixels: Vec<u8>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Self {
        let extents = Extents::of(sizes);
        assert_eq!(extents.ends.last().unwrap_or(&0), &pixels.len(), "pixels do not fit sizes");
        assert_eq!(sizes.len(), labels.len(), "sizes do not fit labels");
        assert!(names.is_empty() || names.len() == labels.len(), "names do not fit labels");
        let extents = Some(extents);
        Self { pixels, extents, labels, names, ..Self::empty(height, width) }
    }

    /// A set of fitted images for views of `size` × `size`.
    ///
    /// # Panics
    /// As [`ImageSet::varied`].
    pub fn of_fitted(
        size: usize,
        images: Vec<Fitted>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Self {
        let sizes: Vec<_> = images.iter().map(|image| [image.height, image.width]).collect();
        let mut pixels = Vec::with_capacity(images.iter().map(|image| image.pixels.len()).sum());
        // Each is dropped once it is copied, so that the set is not held twice.
        images.into_iter().for_each(|image| pixels.extend_from_slice(&image.pixels));
        Self::varied([size; 2], &sizes, pixels, labels, names)
    }

    /// The set as part of a larger one, of which it holds the images `stored`: `labels` and `names` are those
    /// of the whole, `content` its [`Split::content`](super::Split).
    ///
    /// # Panics
    /// If the lengths do not belong together, or an index lies outside.
    pub fn part_of(
        self,
        labels: Vec<u32>,
        names: Vec<String>,
        stored: &[u32],
        content: String,
    ) -> Self {
        assert_eq!(self.len(), stored.len(), "images do not fit indices");
        assert!(names.is_empty() || names.len() == labels.len(), "names do not fit labels");
        let mut places = vec![ABSENT; labels.len()];
        for (place, &index) in stored.iter().enumerate() {
            places[index as usize] = place as u32;
        }
        Self { labels, names, partial: Some(Partial { places, content }), ..self }
    }

    /// Whether the pixels of image `index` are here.
    pub fn holds(&self, index: usize) -> bool {
        let place = |partial: &Partial| partial.places.get(index).is_some_and(|&p| p != ABSENT);
        self.partial.as_ref().map_or(index < self.len(), place)
    }

    /// Whether its images are read whenever one is needed.
    pub fn is_on_demand(&self) -> bool {
        self.on_demand.is_some()
    }

    /// What a person should know of the reading of its images and was not told yet ([`ReadImage::news`]).
    pub fn news(&self) -> Option<String> {
        self.on_demand.as_ref()?.images.news()
    }

    /// Hash of the whole set, where not all images are here.
    pub(super) fn content_of_whole(&self) -> Option<&str> {
        let of_part = self.partial.as_ref().map(|partial| partial.content.as_str());
        of_part.or(self.on_demand.as_ref().map(|on_demand| on_demand.content.as_str()))
    }

    /// Image `index` with its size: as it is decoded here, or read into `buffer`.
    ///
    /// # Errors
    /// [`DataError`] if it cannot be read, or is smaller than a view.
    ///
    /// # Panics
    /// If the set does not hold it.
    ///
    /// ```
    /// use longtail::data::ImageSet;
    ///
    /// let images = ImageSet::new(1, 1, vec![0, 51, 9, 255, 51, 9], vec![0, 1], Vec::new());
    /// assert_eq!(images.read(1, &mut Vec::new())?.data, [255, 51, 9]);
    /// # Ok::<(), longtail::data::DataError>(())
    /// ```
    pub fn read<'a>(
        &'a self,
        index: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<RasterRef<'a>, DataError> {
        let Some(OnDemand { images, .. }) = &self.on_demand else { return Ok(self.raster(index)) };
        let size = images.read(index, buffer)?;
        let [height, width] = size;
        let covers = height >= self.height && width >= self.width || self.test_side.is_some();
        if !covers || size.contains(&0) || buffer.len() != height * width * 3 {
            let reason = "what was read is not an image of at least a view's size";
            return Err(self.unreadable(index, Unreadable(reason.into())));
        }
        Ok(RasterRef::new(size, buffer))
    }

    /// Image `index`, to cut so many `views` out of it: as it is decoded here, or read into `buffer`, or with no pixel made
    /// but those that a view needs.
    ///
    /// # Errors
    /// As [`ImageSet::read`].
    ///
    /// # Panics
    /// If the set does not hold it.
    pub fn open<'a>(
        &'a self,
        index: usize,
        views: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Box<dyn Pixels + 'a>, DataError> {
        if let Some(OnDemand { images, .. }) = self.on_demand.as_ref().filter(|_| views == 1)
            && let Some(image) = images.open(index)?
        {
            return Ok(image);
        }
        Ok(Box::new(self.read(index, buffer)?))
    }

    /// The error that image `index` has no pixels.
    pub fn unreadable(&self, index: usize, reason: Unreadable) -> DataError {
        let name = self.names.get(index).cloned().unwrap_or_else(|| format!("image {index}"));
        DataError::Images { faults: vec![format!("{name}: {reason}")] }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height of a view in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of a view in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[height, width]` of image `index`.
    ///
    /// # Panics
    /// If the set does not hold it decoded.
    pub fn size_of(&self, index: usize) -> [usize; 2] {
        let place = self.place(index);
        match &self.extents {
            None => [self.height, self.width],
            Some(extents) => extents.sizes[place].map(|side| side as usize),
        }
    }

    /// The bytes of image `index`, shape `[height, width, 3]` of its own.
    ///
    /// # Panics
    /// If the set does not hold it decoded.
    pub fn image(&self, index: usize) -> &[u8] {
        let place = self.place(index);
        let size = self.height * self.width * 3;
        match &self.extents {
            None => &self.pixels[place * size..(place + 1) * size],
            Some(Extents { ends, .. }) => {
                let start = place.checked_sub(1).map_or(0, |before| ends[before]);
                &self.pixels[start..ends[place]]
            }
        }
    }

    /// Image `index` with its size.
    ///
    /// # Panics
    /// If the set does not hold it decoded.
    pub fn raster(&self, index: usize) -> RasterRef<'_> {
        RasterRef::new(self.size_of(index), self.image(index))
    }

    fn place(&self, index: usize) -> usize {
        self.partial.as_ref().map_or(index, |partial| partial.places[index] as usize)
    }

    /// `[height, width]` of every image that is here, in order; `None` where all have the size of a view.
    pub fn sizes(&self) -> Option<&[[u32; 2]]> {
        self.extents.as_ref().map(|extents| extents.sizes.as_slice())
    }

    /// The bytes of all images that are here, one after the other.
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
}
