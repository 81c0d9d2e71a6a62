use super::HarmonicZero;
use crate::section::{Limits, section};

section! {
    /// `[eval]`
    "eval" Eval, EvalTyped {
        /// What a class of accuracy 0 does to the harmonic mean.
        harmonic_zero: HarmonicZero =>
            r#"`"strict"`, `"floor"`, `"drop"`: what a class of accuracy 0 does to the harmonic mean"#,
            "the definition";
        /// The floor of `harmonic_zero = "floor"`.
        harmonic_floor: f64 =>
            "the accuracy that floor raises a class to, above 0, at most 1", "Longtail",
            within Limits::range(0.0, 1.0, "the floor is an accuracy in (0, 1]").open();
        /// More training images than this: many-shot.
        many_above: usize =>
            "many-shot: more training images than this", "the literature", within Limits::COUNT;
        /// Fewer training images than this: few-shot.
        few_below: usize =>
            "few-shot: fewer training images than this", "the literature", within Limits::COUNT;
    }
}
