//! Long-tailed image classification, in the order in which the data flows:
//!
//! [`data`] (sources, split) → [`augment`] (views) → [`batch`] (sampler, loader) → [`model`]
//! (backbones, heads) → [`loss`] → [`optim`] → [`method`] → [`train`] (loop, schedule, checkpoint) → [`eval`] → [`report`] →
//! [`run`] → [`trained`] (a run's network read back) → [`predictor`] and [`export`].
//! [`recipe`] turns what was typed into what it means; [`device`] alone names a Burn backend;
//! [`threads`] are what all of it runs on.

pub mod data;

pub mod augment;

pub mod batch;

pub mod model;

pub mod loss;

pub mod optim;

pub mod method;

pub mod train;

pub mod eval;

pub mod report;

pub mod run;

pub mod trained;

pub mod predictor;

pub mod export;

pub mod recipe;

pub mod device;

pub use longtail_kernels::threads;

/// The version of Burn that tensors, modules and devices are of.
pub use burn;

pub mod rng;

pub mod choice;
mod counted;

mod duration;

mod atomic;

mod hex;

mod raster;

mod section;

mod regular;

mod error;
pub use error::{Error, Result};

/// The README's examples, which the doc tests compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
