//! Images as bytes, boxes in them, and Pillow's resampling: what data sets and views are both made of.

mod crop_box;
mod image;
mod png;
mod resample;

pub use crop_box::{CropBox, centre_crop_box, random_crop_box};
pub use image::{Pixels, Raster, RasterRef, Unreadable};
pub(crate) use png::{Effort, png};
pub use resample::resample;
