use std::{
    collections::HashMap,
    mem,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use burn::{backend::flex::FlexTensor, tensor::DType};

use super::flex::Values;
use crate::cpu::{Convolution, Element, Kernels, Path, Shape};

/// While one lives, [`conv_bn_eval`](crate::conv_bn_eval) on the CPU lays out the weights that it meets once, in the order in
/// which its kernels read them, instead of in every call: of single images and a network with many weights, that is a third of
/// the time. Values are the same to the last bit.
///
/// It takes as much memory as the weights, and four times those of 3×3 at stride 1, until the last one is dropped. Weights that
/// are changed meanwhile are laid out anew, and what was kept of the former ones goes with the next ones laid out.
///
/// ```
/// use burn::tensor::{Distribution, Tensor};
/// use longtail_kernels::{ConvBnOptions, Prepacking, conv_bn_eval};
///
/// let device = burn::tensor::Device::flex();
/// let random = |dims: [usize; 4]| Tensor::<4>::random(dims, Distribution::Default, &device);
/// let (weight, ones) = (random([16, 16, 3, 3]), Tensor::<1>::ones([16], &device));
/// let [gamma, beta, mean, variance] = [(); 4].map(|()| ones.clone());
/// let options = ConvBnOptions { stride: 1, padding: 1, groups: 1, relu: true, epsilon: 1e-5 };
///
/// let _prepacking = Prepacking::new();
/// for _ in 0..2 {
///     let parameters = [&gamma, &beta, &mean, &variance].map(|parameter| parameter.clone());
///     let [gamma, beta, mean, variance] = parameters;
///     let image = random([1, 8, 8, 16]);
///     let output = conv_bn_eval(image, weight.clone(), gamma, beta, mean, variance, None, options);
///     assert_eq!(output.dims(), [1, 8, 8, 16]);
/// }
/// ```
#[derive(Debug)]
#[must_use = "nothing is kept without it"]
pub struct Prepacking(());

impl Prepacking {
    /// Weights are kept from now on, whatever thread they are met in.
    #[allow(clippy::new_without_default, reason = "it begins something")]
    pub fn new() -> Self {
        kept().holders += 1;
        Self(())
    }
}

impl Drop for Prepacking {
    fn drop(&mut self) {
        let mut kept = kept();
        kept.holders -= 1;
        if kept.holders == 0 {
            let freed = mem::take(&mut kept.entries);
            drop(kept);
            // Not under the lock either.
            drop(freed);
        }
    }
}

/// The convolution by `weight`, `[out, in / groups, kernel height, kernel width]`, as the kernels read it.
pub(super) fn convolution<K: Kernels, E: Element>(
    weight: &Values,
    shape: &Shape,
) -> Arc<Convolution> {
    let layout = Layout::of(E::dtype(), shape);
    let (is_kept, found) = {
        let kept = kept();
        (kept.holders > 0, kept.find(weight, &layout))
    };
    // Not under the lock: the threads that take part in it may come for others meanwhile.
    let lay_out = || Convolution::new::<K, E>(weight.get(), shape);
    match found {
        Some(convolution) => convolution,
        None if is_kept => {
            let convolution = Arc::new(lay_out().kept());
            let _freed_unlocked = kept().keep(weight, layout, convolution.clone());
            convolution
        }
        None => Arc::new(lay_out()),
    }
}

/// What the way in which weights are laid out depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    dtype: DType,
    path: Path,
    /// But for the number of images.
    shape: Shape,
}

impl Layout {
    fn of(dtype: DType, shape: &Shape) -> Self {
        Self { dtype, path: Path::active(), shape: Shape { images: 0, ..*shape } }
    }
}

/// The convolutions by one weight.
struct Entry {
    /// As long as this shares their memory, nobody writes to the values.
    weight: FlexTensor,
    convolutions: Vec<(Layout, Arc<Convolution>)>,
}

#[derive(Default)]
struct Kept {
    /// How many [`Prepacking`] live.
    holders: usize,
    /// By where the weights lie, which nothing else can while their tensor is here.
    entries: HashMap<usize, Entry>,
}

impl Kept {
    fn find(&self, weight: &Values, layout: &Layout) -> Option<Arc<Convolution>> {
        let entry = self.entries.get(&address(weight))?;
        let found = entry.convolutions.iter().find(|(of, _)| of == layout);
        found.map(|(_, convolution)| convolution.clone())
    }

    /// Keeps it, if that is still wanted, and gives what nobody can ask for any more.
    fn keep(
        &mut self,
        weight: &Values,
        layout: Layout,
        convolution: Arc<Convolution>,
    ) -> Vec<Entry> {
        let forgotten = self.entries.extract_if(|_, entry| entry.weight.is_unique());
        let forgotten = forgotten.map(|(_, entry)| entry).collect();
        if self.holders > 0 {
            let entry = || Entry { weight: weight.0.clone(), convolutions: Vec::new() };
            let entry = self.entries.entry(address(weight)).or_insert_with(entry);
            if entry.convolutions.iter().all(|(of, _)| *of != layout) {
                entry.convolutions.push((layout, convolution));
            }
        }
        forgotten
    }
}

fn address(weight: &Values) -> usize {
    weight.get::<f32>().as_ptr().addr()
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn kept() -> MutexGuard<'static, Kept> {
    // A thread that panicked has left the entries whole.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Shape as Dims, TensorData};

    use super::*;
    use crate::cpu::OnPortable;

    fn weight(value: f32) -> FlexTensor {
        FlexTensor::from_data(TensorData::new(vec![value; 16 * 16], Dims::new([16, 16, 1, 1])))
    }

    fn lay_out(weight: &FlexTensor, side: usize) -> (Values, Layout, Arc<Convolution>) {
        let shape = Shape::of([2, side, side, 16], [16, 16, 1, 1], 1, 0).expect("a convolution");
        let values = Values::of(weight);
        let convolution = Convolution::new::<OnPortable, f32>(values.get(), &shape);
        (values, Layout::of(DType::F32, &shape), Arc::new(convolution))
    }

    #[test]
    fn weights_are_kept_for_every_layout_until_nobody_else_has_them() {
        let mut kept = Kept { holders: 1, ..Kept::default() };
        let first = weight(1.0);
        for side in [4, 5] {
            let (values, layout, convolution) = lay_out(&first, side);
            assert!(kept.find(&values, &layout).is_none());
            assert!(kept.keep(&values, layout, convolution.clone()).is_empty());
            let found = kept.find(&values, &layout).expect("what was kept");
            assert!(Arc::ptr_eq(&found, &convolution));
        }
        drop(first);
        let second = weight(2.0);
        let (values, layout, convolution) = lay_out(&second, 4);
        let forgotten = kept.keep(&values, layout, convolution);
        assert_eq!((forgotten.len(), forgotten[0].convolutions.len()), (1, 2));
        assert_eq!(kept.entries.len(), 1);
    }

    #[test]
    fn what_is_written_to_weights_is_not_what_was_kept() {
        let mut kept = Kept { holders: 1, ..Kept::default() };
        let mut changed = weight(1.0);
        let (values, layout, convolution) = lay_out(&changed, 4);
        assert!(kept.keep(&values, layout, convolution).is_empty());
        drop(values);
        changed.storage_mut::<f32>()[0] = 2.0;
        assert!(kept.find(&Values::of(&changed), &layout).is_none());
    }

    #[test]
    fn nothing_is_kept_that_nobody_wants() {
        let mut kept = Kept::default();
        let (values, layout, convolution) = lay_out(&weight(1.0), 4);
        assert!(kept.keep(&values, layout, convolution).is_empty() && kept.entries.is_empty());
    }
}
