use crate::{
    choice::choice,
    section::{Limits, section},
};

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
    "views" Views, ViewsTyped {
        /// The classifier's view.
        classifier: ClassifierView =>
            r#"`"autoaugment-cutout"`, `"plain"`: crop and flip; `"resized-crop"`: random resized crop and flip"#,
            "paper §4.2";
        /// Smallest area of the classifier's random resized crop, as a share of the image.
        crop_scale_min: f64 =>
            "smallest part of the image that v1 crops where it crops at random and resizes, above 0, at most 1",
            "Longtail", within Limits::SHARE;
        /// Probability of blur in the contrastive views.
        sim_blur_p: f64 =>
            "0 to 1", "PaCo's and ConCutMix's code", within Limits::range(0.0, 1.0, "a probability is in [0, 1]");
        /// Smallest area of the contrastive views' crop, as a share of the image.
        sim_scale_min: f64 =>
            "smallest part of the image that v2 and v3 crop, above 0, at most 1", "PaCo's and ConCutMix's code",
            within Limits::SHARE;
        /// Means of the colour channels.
        mean: [f32; 3] =>
            "means of red, green and blue in 0 to 1", "the code of the field", within Limits::NUMBER;
        /// Standard deviations of the colour channels.
        std: [f32; 3] =>
            "standard deviations, above 0", "the code of the field", within Limits::POSITIVE;
    }
}
