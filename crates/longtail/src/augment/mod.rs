//! Views: pure functions of an image and a random stream.
//!
//! The operators are Pillow's, to the last bit where the oracle tells (`oracles/image_ops.json`);
//! the policies are those of the reference code (`docs/method.md`).

mod autoaugment;
mod blur;
mod color_jitter;
mod cutout;
mod enhance;
mod geometry;
mod normalize;
mod options;
mod point;
mod randaugment;
mod view;
mod warp;

pub use autoaugment::{Operation, POLICIES, auto_augment};
pub use blur::gaussian_blur;
pub use color_jitter::{ColorJitter, adjust_hue};
pub use cutout::{Hole, cutout};
pub use enhance::{brightness, color, contrast, grayscale, sharpness};
pub use geometry::{crop_padded, flip_horizontally, rotate, shear_x, shear_y, translate};
pub use normalize::Normalize;
pub use options::{ClassifierView, ContrastiveViews, Views, ViewsTyped};
pub use point::{autocontrast, equalize, invert, posterize, solarize, solarize_add};
pub use randaugment::{RandAugment, RandOperation, Strength};
pub use view::{
    ClassifierConfig, PlainConfig, RandAugmentConfig, ResizedCropConfig, Scratch, SimConfig, View,
};
pub use warp::{Filter, Warp};

pub use crate::raster::{
    CropBox, Pixels, Raster, RasterRef, Unreadable, centre_crop_box, random_crop_box, resample,
};
