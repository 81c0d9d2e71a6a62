use super::HarmonicZero;
use crate::section::section;

section! {
    /// `[eval]`
    Eval, EvalTyped {
        /// What a class of accuracy 0 does to the harmonic mean.
        harmonic_zero: HarmonicZero,
        /// The floor of `harmonic_zero = "floor"`.
        harmonic_floor: f64,
        /// More training images than this: many-shot.
        many_above: usize,
        /// Fewer training images than this: few-shot.
        few_below: usize,
    }
}
