//! The rows of a softmax: their powers on the way there, their slopes on the way back.

use rayon::prelude::*;

use super::{
    exponential::powers_below,
    pool::{Pooled, take},
};

/// Values that are worth a task of their own.
const TASK: usize = 1 << 14;
/// Maxima kept side by side.
const LANES: usize = 16;

/// What the rows give on the way there.
pub(crate) struct Rows {
    /// e^{f_ij + b_j − max_i}, `[rows, classes]`.
    pub powers: Pooled<f32>,
    /// max_i
    pub max: Vec<f32>,
    /// f_ij + b_j of the row's label j.
    pub of_label: Vec<f32>,
}

fn rows_of_task(classes: usize) -> usize {
    TASK.div_ceil(classes)
}

/// Of logits `[rows, classes]`, one bias to a class and one label to a row.
pub(crate) fn powers(logits: &[f32], bias: &[f32], labels: &[u32]) -> Rows {
    let classes = bias.len();
    let mut powers = take::<f32>(logits.len());
    let (max, of_label) = powers
        .par_chunks_exact_mut(classes)
        .zip(logits.par_chunks_exact(classes))
        .zip(labels)
        .with_min_len(rows_of_task(classes))
        .map(|((powers, logits), &label)| {
            let max = add(powers, logits, bias);
            let of_label = powers[label as usize];
            powers_below(powers, max);
            (max, of_label)
        })
        .unzip();
    Rows { powers, max, of_label }
}

/// `out = a + b`, and the largest of it; what is no number is passed over here and comes back in the powers.
fn add(out: &mut [f32], a: &[f32], b: &[f32]) -> f32 {
    let mut largest = [f32::NEG_INFINITY; LANES];
    let blocks = out.chunks_mut(LANES).zip(a.chunks(LANES)).zip(b.chunks(LANES));
    for ((out, a), b) in blocks {
        for (((out, a), b), largest) in out.iter_mut().zip(a).zip(b).zip(&mut largest) {
            *out = a + b;
            *largest = if *out > *largest { *out } else { *largest };
        }
    }
    largest.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Turns powers into slopes: each row times its scale, and its pull added where its label is.
pub(crate) fn slopes(powers: &mut [f32], scales: &[f32], pulls: &[f32], labels: &[u32]) {
    let classes = powers.len() / labels.len();
    powers
        .par_chunks_exact_mut(classes)
        .zip(scales)
        .zip(pulls)
        .zip(labels)
        .with_min_len(rows_of_task(classes))
        .for_each(|(((powers, scale), pull), &label)| {
            powers.iter_mut().for_each(|power| *power *= scale);
            powers[label as usize] += pull;
        });
}
