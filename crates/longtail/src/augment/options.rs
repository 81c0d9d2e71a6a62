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
        /// Random resized crop, flip, colour jitter, RandAugment.
        RandAugment = "randaugment",
    }
}

choice! {
    /// The two contrastive views (`docs/method.md`).
    ContrastiveViews {
        /// SimAugment twice.
        SimSim = "sim-sim",
        /// SimAugment, and SimAugment followed by RandAugment.
        SimRand = "sim-rand",
        /// SimAugment followed by RandAugment, twice.
        RandRand = "rand-rand",
    }
}

section! {
    /// `[views]`
    "views" Views, ViewsTyped {
        /// The classifier's view.
        classifier: ClassifierView =>
            r#"`"autoaugment-cutout"`, `"plain"`: crop and flip; `"resized-crop"`: random resized crop and flip; `"randaugment"`: these, colour jitter without hue, RandAugment"#,
            "paper §4.2";
        /// The contrastive views.
        contrastive: ContrastiveViews =>
            r#"`"sim-sim"`: v2 and v3 are SimAugment; `"sim-rand"`: v3 goes on with RandAugment; `"rand-rand"`: both do"#,
            "paper, caption of Table 4";
        /// Operators that RandAugment draws for a view.
        randaugment_operations: usize =>
            "operators that RandAugment draws for a view, 0 to 100; each is applied to half of them",
            "BCL's code", within Limits::from(0.0, "it has to be a whole number").capped(100.0);
        /// RandAugment's magnitude.
        randaugment_magnitude: f64 =>
            "RandAugment's magnitude, 0 to 10; each operator's is drawn around it with a deviation of 0.5",
            "BCL's code", within Limits::range(0.0, 10.0, "a magnitude is in [0, 10]");
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

impl Views {
    /// Whether RandAugment makes one of them.
    pub(crate) fn have_randaugment(&self) -> bool {
        self.classifier == ClassifierView::RandAugment
            || self.contrastive != ContrastiveViews::SimSim
    }
}
