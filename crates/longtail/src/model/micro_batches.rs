use std::sync::{Arc, Mutex, PoisonError};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Gradients, Tensor},
};

use super::{BatchStatistics, Network, Part, Pass};

/// A step's images worked off in parts, while its loss sees the features of all of them (Gao et al. 2021, "GradCache").
///
/// A network [in micro-batches](Network::in_micro_batches) makes the features of every part without keeping what a
/// backward pass needs. The loss of all features gives each feature its gradient, with which
/// [`MicroBatches::backward`] goes through the parts again, this time with a graph. So a step takes the memory of one part,
/// and one forward pass more. Losses and gradients are those of the whole step, but for batch norm in the encoder, which
/// sees a part at a time; the heads' sees all.
#[derive(Debug, Clone)]
pub struct MicroBatches {
    images: usize,
    batch: usize,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// Images that the encoder was asked about, and what the loss was given of them.
#[derive(Debug)]
struct Call {
    /// All rows, as the encoder was given them.
    images: Tensor<4>,
    /// Of one branch alone.
    branch: Option<usize>,
    /// Where the loss's graph begins.
    features: Tensor<2>,
}

/// The rows of a call by parts: every part has the same images in all views.
#[derive(Debug, Clone, Copy)]
struct Rows {
    views: usize,
    batch: usize,
    parts: usize,
}

impl MicroBatches {
    /// Parts of at most `images` images, as equal as can be, of a batch of `batch`; `None` where the batch is one part.
    pub fn of(images: usize, batch: usize) -> Option<Self> {
        (images > 0 && images < batch).then(|| Self { images, batch, calls: Arc::default() })
    }

    /// Features of all rows, without what is needed to go back through the encoder; the encoder's statistics of every
    /// part are recorded.
    pub(super) fn features(
        &self,
        network: &Network,
        images: Tensor<4>,
        branch: Option<usize>,
        statistics: &mut BatchStatistics,
    ) -> Tensor<2> {
        let rows = self.rows(images.dims()[0]);
        // Values without a graph: operators then keep nothing for the way back.
        let still = network.valid();
        let mut of_part = |part: usize| {
            let images = rows.of(part, &images).inner();
            still.encode(images, branch, &mut Pass::Train(&mut *statistics)).inner()
        };
        let features =
            rows.joined(&(0..rows.parts).map(&mut of_part).collect::<Vec<_>>()).autodiff();
        if network.is_frozen(Part::Encoder) {
            return features;
        }
        let features = features.require_grad();
        let call = Call { images, branch, features: features.clone() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        features
    }

    /// Adds the gradients of the encoder to those of a loss of the features that `network` has given, whose gradients
    /// `gradients` holds.
    pub fn backward(&self, network: &Network, gradients: &mut Gradients) {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        for Call { images, branch, features } in calls {
            // What no loss depends on has none.
            let Some(of_features) = features.grad_remove(gradients) else { continue };
            let rows = self.rows(images.dims()[0]);
            for part in 0..rows.parts {
                // They were recorded the first time.
                let mut seen = BatchStatistics::default();
                let images = rows.of(part, &images);
                let features = network.encode(images, branch, &mut Pass::Train(&mut seen));
                let given = rows.of(part, &of_features).autodiff();
                let of_part = (features * given).sum().backward();
                network.visit(&mut Add { of_part, all: gradients });
            }
        }
    }

    fn rows(&self, rows: usize) -> Rows {
        // A batch of which a loss takes a part alone is one view of fewer images.
        let (views, batch) = match rows % self.batch {
            0 => (rows / self.batch, self.batch),
            _ => (1, rows),
        };
        Rows { views, batch, parts: batch.div_ceil(self.images).max(1) }
    }
}

impl Rows {
    /// First image of a part, and how many there are.
    fn images(&self, part: usize) -> (usize, usize) {
        let start = |part: usize| part * self.batch / self.parts;
        (start(part), start(part + 1) - start(part))
    }

    /// The rows of a part, view by view.
    fn of<const D: usize>(&self, part: usize, all: &Tensor<D>) -> Tensor<D> {
        let (first, count) = self.images(part);
        let of_view = |view: usize| all.clone().narrow(0, view * self.batch + first, count);
        Tensor::cat((0..self.views).map(of_view).collect(), 0)
    }

    /// All rows in their order, from those of the parts.
    fn joined(&self, parts: &[Tensor<2>]) -> Tensor<2> {
        let of_view = |view: usize| {
            parts.iter().enumerate().map(move |(part, rows)| {
                let (_, count) = self.images(part);
                rows.clone().narrow(0, view * count, count)
            })
        };
        Tensor::cat((0..self.views).flat_map(of_view).collect(), 0)
    }
}

/// Adds the gradients of a part to those of the parts before it.
struct Add<'a> {
    of_part: Gradients,
    all: &'a mut Gradients,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let param = param.val();
        let Some(more) = param.grad_remove(&mut self.of_part) else { return };
        let sum = match param.grad_remove(self.all) {
            Some(before) => before + more,
            None => more,
        };
        param.grad_replace(self.all, sum);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::weights::values;

    #[test]
    fn parts_are_about_as_large_and_hold_every_row_once() {
        for (batch, images, sizes) in [
            (8, 3, &[2, 3, 3][..]),
            (7, 7, &[]),
            (7, 4, &[3, 4]),
            (5, 2, &[1, 2, 2]),
            (4, 1, &[1; 4]),
        ] {
            let micro = MicroBatches::of(images, batch);
            assert_eq!(micro.is_none(), sizes.is_empty(), "{batch} in parts of {images}");
            let Some(micro) = micro else { continue };
            let rows = micro.rows(3 * batch);
            assert_eq!(rows.views, 3);
            let found: Vec<_> = (0..rows.parts).map(|part| rows.images(part).1).collect();
            assert_eq!(found, sizes);
            let all = Tensor::<1>::from_floats(
                (0..3 * batch).map(|i| i as f32).collect::<Vec<_>>().as_slice(),
                &Device::flex(),
            );
            let all: Tensor<2> = all.reshape([3 * batch, 1]);
            let parts: Vec<_> = (0..rows.parts).map(|part| rows.of(part, &all)).collect();
            let first = values(parts[0].clone());
            assert_eq!(first[sizes[0]], batch as f32, "the second view of the first image");
            assert_eq!(rows.joined(&parts).to_data(), all.to_data());
        }
        // Fewer than the batch, as a loss of two samplers may take them.
        let rows = MicroBatches::of(2, 8).unwrap().rows(5);
        assert_eq!((rows.views, rows.batch, rows.parts), (1, 5, 3));
    }
}
