use super::{CropBox, resample};

/// An image that views are cut out of, whose pixels are here or come when they are asked for.
pub trait Pixels {
    /// `[height, width]`.
    fn size(&self) -> [usize; 2];

    /// The `crop` brought to `size`, `[height, width]`, in `out`, as [`resample`] does it; `spare` is used on the way.
    ///
    /// # Errors
    /// [`Unreadable`] if its pixels cannot be had.
    ///
    /// # Panics
    /// If the crop has no pixel or lies outside the image: that is a programming error.
    fn resample(
        &self,
        crop: CropBox,
        size: [usize; 2],
        spare: &mut Raster,
        out: &mut Raster,
    ) -> Result<(), Unreadable>;
}

/// Why an image has no pixels, as a sentence without its subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// One RGB image of bytes, `[height, width, 3]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raster {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height · width · 3` bytes, row-major.
    pub data: Vec<u8>,
}

/// A [`Raster`] whose bytes stand elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RasterRef<'a> {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height · width · 3` bytes, row-major.
    pub data: &'a [u8],
}

impl<'a> RasterRef<'a> {
    /// An image of `data`, `[height, width, 3]`.
    ///
    /// # Panics
    /// If the length does not fit: that is a programming error.
    pub fn new([height, width]: [usize; 2], data: &'a [u8]) -> Self {
        assert_eq!(data.len(), height * width * 3, "bytes do not fit the size");
        Self { height, width, data }
    }

    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }
}

impl Pixels for RasterRef<'_> {
    fn size(&self) -> [usize; 2] {
        RasterRef::size(self)
    }

    fn resample(
        &self,
        crop: CropBox,
        size: [usize; 2],
        spare: &mut Raster,
        out: &mut Raster,
    ) -> Result<(), Unreadable> {
        resample(*self, crop, size, spare, out);
        Ok(())
    }
}

impl Raster {
    /// A copy of `data`, `[height, width, 3]`.
    ///
    /// # Panics
    /// If the length does not fit: that is a programming error.
    pub fn new(height: usize, width: usize, data: &[u8]) -> Self {
        assert_eq!(data.len(), height * width * 3, "bytes do not fit the size");
        Self { height, width, data: data.to_vec() }
    }

    /// The image without its memory.
    pub fn borrowed(&self) -> RasterRef<'_> {
        RasterRef { height: self.height, width: self.width, data: &self.data }
    }

    /// Takes over another image's size and bytes, keeping its own memory.
    pub fn copy_from(&mut self, image: RasterRef<'_>) {
        (self.height, self.width) = (image.height, image.width);
        self.data.clear();
        self.data.extend_from_slice(image.data);
    }

    /// Takes over a part of another image, keeping its own memory.
    ///
    /// # Panics
    /// If the part lies outside the image: that is a programming error.
    pub fn copy_crop(&mut self, image: RasterRef<'_>, crop: CropBox) {
        assert!(crop.left + crop.width <= image.width, "the crop lies outside the image");
        (self.height, self.width) = (crop.height, crop.width);
        self.data.clear();
        for y in crop.top..crop.top + crop.height {
            let start = (y * image.width + crop.left) * 3;
            self.data.extend_from_slice(&image.data[start..][..crop.width * 3]);
        }
    }

    /// Takes a size, every byte `value`, keeping its memory.
    pub fn reset(&mut self, height: usize, width: usize, value: u8) {
        (self.height, self.width) = (height, width);
        self.data.clear();
        self.data.resize(height * width * 3, value);
    }

    /// Bytes of a row.
    pub fn stride(&self) -> usize {
        self.width * 3
    }
}
