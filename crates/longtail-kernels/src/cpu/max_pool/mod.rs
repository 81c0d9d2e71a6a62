//! The largest of every 3×3 pixels, two apart, of a batch in `[images, height, width, channels]`.

mod rows;

use rayon::prelude::*;

pub(crate) use self::rows::{Largest, LargestBackward};
pub(super) use self::rows::{largest as row, largest_backward as backward_row};
use super::{
    element::Element,
    path::Kernels,
    pool::{Pooled, take},
};

/// Values that are worth a task of their own.
const TASK: usize = 1 << 15;

/// Images, height, width and channels of the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolShape(pub [usize; 4]);

impl PoolShape {
    /// The same of the output.
    pub fn output(&self) -> [usize; 4] {
        let [images, height, width, channels] = self.0;
        [images, height.div_ceil(2), width.div_ceil(2), channels]
    }

    /// Memory for a byte to every output.
    pub fn taps(&self) -> Pooled<f32> {
        take(self.outputs().div_ceil(size_of::<f32>()))
    }

    /// That memory as bytes.
    pub fn bytes_mut<'a>(&self, taps: &'a mut Pooled<f32>) -> &'a mut [u8] {
        &mut bytemuck::cast_slice_mut(taps)[..self.outputs()]
    }

    fn outputs(&self) -> usize {
        self.output().iter().product()
    }

    fn row(&self) -> usize {
        self.0[2] * self.0[3]
    }

    fn out_row(&self) -> usize {
        self.output()[2] * self.0[3]
    }
}

/// The maxima of `x`, with which of its window's nine pixels each is in `taps`.
pub(crate) fn largest<K: Kernels, E: Element>(
    x: &[E],
    shape: PoolShape,
    taps: Option<&mut [u8]>,
) -> Pooled<E> {
    let [images, height, width, channels] = shape.0;
    let ([_, out_height, columns, _], of_row) = (shape.output(), shape.out_row());
    assert_eq!(x.len(), images * height * shape.row());
    assert!(channels.is_multiple_of(K::LANES));
    let mut out = take::<E>(images * out_height * of_row);
    let work = |index: usize, out: &mut [E], taps: *mut u8| {
        let (image, row) = (index / out_height, index % out_height);
        let (first, last) = ((2 * row).saturating_sub(1), (2 * row + 1).min(height - 1));
        assert_eq!(out.len(), columns * channels);
        let work = Largest {
            x: x[(image * height + first) * shape.row()..][..(last - first + 1) * shape.row()]
                .as_ptr(),
            rows: last - first + 1,
            first_row: first + 1 - 2 * row,
            width,
            columns,
            channels,
            out: out.as_mut_ptr(),
            taps,
        };
        // SAFETY: the windows' rows are in the image, the output is one row, and so is what `taps` points to if it is not null;
        // the path of `K` is available.
        unsafe { K::largest(&work) }
    };
    let rows = out.par_chunks_exact_mut(of_row);
    let task = TASK.div_ceil(of_row);
    match taps {
        Some(taps) => {
            assert_eq!(taps.len(), images * out_height * of_row);
            let rows = rows.zip(taps.par_chunks_exact_mut(of_row)).enumerate().with_min_len(task);
            rows.for_each(|(index, (out, taps))| work(index, out, taps.as_mut_ptr()));
        }
        None => {
            let rows = rows.enumerate().with_min_len(task);
            rows.for_each(|(index, out)| work(index, out, std::ptr::null_mut()));
        }
    }
    out
}

/// The gradient of the input: to every pixel the gradients of the windows whose maximum it is, in their order.
pub(crate) fn largest_backward<K: Kernels, E: Element>(
    taps: &[u8],
    grad: &[E],
    shape: PoolShape,
) -> Pooled<E> {
    let [images, height, width, channels] = shape.0;
    let ([_, out_height, columns, _], of_row) = (shape.output(), shape.out_row());
    assert_eq!(grad.len(), images * out_height * of_row);
    assert_eq!(taps.len(), grad.len());
    assert!(channels.is_multiple_of(K::LANES));
    let mut dx = take::<E>(images * height * shape.row());
    let rows = dx.par_chunks_exact_mut(shape.row()).enumerate();
    rows.with_min_len(TASK.div_ceil(shape.row())).for_each(|(index, dx)| {
        let (image, row) = (index / height, index % height);
        let (first, last) = (row / 2, row.div_ceil(2).min(out_height - 1));
        let from = (image * out_height + first) * of_row;
        let rows = last - first + 1;
        assert_eq!(dx.len(), width * channels);
        let work = LargestBackward {
            grad: grad[from..][..rows * of_row].as_ptr(),
            taps: taps[from..][..rows * of_row].as_ptr(),
            rows,
            tap_row: 1 + row - 2 * first,
            columns,
            width,
            channels,
            dx: dx.as_mut_ptr(),
        };
        // SAFETY: gradient and taps are so many rows, `dx` is one; the path of `K` is available.
        unsafe { K::largest_backward(&work) }
    });
    dx
}
