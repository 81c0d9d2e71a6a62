//! A whole batch: images in parallel, every sum in a fixed order.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    element::Element,
    scratch::{self, Scratch},
    shape::Shape,
};

/// Calls `work` on the parts of `values` and of `sums` of every `group` of images; the groups of a chunk
/// one after the other in one thread, which has called `begin` before.
pub(crate) fn each_group<E: Element>(
    shape: &Shape,
    group: usize,
    values: &mut [E],
    sums: &mut [f32],
    begin: impl Fn(&mut Scratch) + Sync,
    work: impl Fn(&mut Scratch, Range<usize>, &mut [E], &mut [f32]) + Sync,
) {
    let (of_values, of_sums) = (values.len() / shape.images, sums.len() / shape.images);
    let chunk = shape.chunk().max(group);
    values
        .par_chunks_mut(chunk * of_values)
        .zip(sums.par_chunks_mut(chunk * of_sums))
        .enumerate()
        .for_each(|(index, (values, sums))| {
            scratch::with(|scratch| {
                begin(scratch);
                let parts = values.chunks_mut(group * of_values);
                let parts = parts.zip(sums.chunks_mut(group * of_sums));
                for (images, (values, sums)) in shape.groups_of(chunk, index, group).zip(parts) {
                    work(scratch, images, values, sums);
                }
            });
        });
}

/// Whether so many images, `group` at a time, leave threads without work.
pub(crate) fn are_few(images: usize, group: usize) -> bool {
    images.div_ceil(group) < rayon::current_num_threads()
}

/// Calls `work` on about `group` images of `values` at a time, where nothing is summed over images and so any
/// cut gives the same: one that keeps all threads equally busy.
pub(crate) fn share_out<E: Element>(
    images: usize,
    group: usize,
    values: &mut [E],
    work: impl Fn(&mut Scratch, Range<usize>, &mut [E]) + Sync,
) {
    let size = values.len() / images;
    // Half a group, so that no share leaves a part of a tile of the kernels over.
    let unit = group.div_ceil(2);
    let units = images.div_ceil(unit);
    let tasks = images.div_ceil(group).next_multiple_of(rayon::current_num_threads()).min(units);
    let mut rest = values;
    let mut shares = Vec::with_capacity(tasks);
    for task in 0..tasks {
        let until = |task: usize| (task * units / tasks * unit).min(images);
        let share = until(task)..until(task + 1);
        let (part, behind) = rest.split_at_mut(share.len() * size);
        shares.push((share, part));
        rest = behind;
    }
    shares.into_par_iter().for_each(|(share, part)| {
        scratch::with(|scratch| work(scratch, share, part));
    });
}
