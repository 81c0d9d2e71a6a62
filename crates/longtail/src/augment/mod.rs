//! Views: pure functions of an image and a random stream.
//!
//! The operators are Pillow's, to the last bit where the oracle tells (`oracles/image_ops.json`);
//! the policies are those of the reference code (`docs/method.md`).

mod autoaugment;
mod blur;
mod color_jitter;
mod crop_box;
mod cutout;
mod enhance;
mod geometry;
mod normalize;
mod point;
mod raster;
mod resample;
mod view;

pub use autoaugment::{Operation, POLICIES, auto_augment};
pub use blur::gaussian_blur;
pub use color_jitter::{ColorJitter, adjust_hue};
pub use crop_box::{CropBox, centre_crop_box, random_crop_box};
pub use cutout::{Hole, cutout};
pub use enhance::{brightness, color, contrast, grayscale, sharpness};
pub use geometry::{crop_padded, flip_horizontally, rotate, shear_x, shear_y, translate};
pub use normalize::Normalize;
pub use point::{autocontrast, equalize, invert, posterize, solarize};
pub use raster::{Raster, RasterRef};
pub use resample::resample;
pub use view::{ClassifierConfig, PlainConfig, ResizedCropConfig, Scratch, SimConfig, View};
