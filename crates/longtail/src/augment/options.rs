use crate::{choice::choice, section::section};

choice! {
    /// The classifier's view (`docs/method.md`).
    ClassifierView {
        /// Crop, flip, AutoAugment, Cutout.
        AutoaugmentCutout = "autoaugment-cutout",
        /// Crop and flip.
        Plain = "plain",
        /// Random resized crop and flip.
        ResizedCrop = "resized-crop",
    }
}

section! {
    /// `[views]`
    Views, ViewsTyped {
        /// The classifier's view.
        classifier: ClassifierView,
        /// Smallest area of the classifier's random resized crop, as a share of the image.
        crop_scale_min: f64,
        /// Probability of blur in the contrastive views.
        sim_blur_p: f64,
        /// Smallest area of the contrastive views' crop, as a share of the image.
        sim_scale_min: f64,
        /// Means of the colour channels.
        mean: [f32; 3],
        /// Standard deviations of the colour channels.
        std: [f32; 3],
    }
}
