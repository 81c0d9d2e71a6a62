use std::cell::Cell;

use burn::tensor::{DType, Device, Tensor, TensorData};
use rayon::prelude::*;

use super::{Outputs, Prepacking, Rows};
use crate::{
    augment::{Normalize, Scratch, View},
    data::{DataError, ImageSet},
    device::is_cpu,
    model::{Network, Pass, weights::values},
    rng::{Purpose, stream},
    threads::Awake,
};

/// Images in one forward pass of evaluation, at most and at least.
const ROWS: [usize; 2] = [256, 8];
/// Pixels of those images together.
const PIXELS: usize = 256 * 128 * 128;
/// Passes of a GPU whose outputs are read together, so that it need not wait for the next images.
const UNREAD: usize = 16;

/// Images of a height and width that pass the network together in evaluation: as many as their memory allows. A power
/// of two, for a GPU tunes its operators for every other number as well.
pub fn rows_at_once([height, width]: [usize; 2]) -> usize {
    let [most, least] = ROWS;
    1 << (PIXELS / (height * width).max(1)).clamp(least, most).ilog2()
}

/// Logits of the images `indices` under the test transform, one row of `classes` per image, with running statistics.
///
/// Calls for a few images each are faster while a [`Prepacking`] lives.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn predict(
    network: &Network,
    images: &ImageSet,
    indices: &[u32],
    normalize: &Normalize,
    device: &Device,
) -> Result<Vec<Vec<f32>>, DataError> {
    let logits = |input| network.logits(network.features(input, &mut Pass::Eval));
    rows_of(images, indices, normalize, device, logits)
}

/// Features of the images `indices`, one row per image, as [`predict`] sees them.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn embed(
    network: &Network,
    images: &ImageSet,
    indices: &[u32],
    normalize: &Normalize,
    device: &Device,
) -> Result<Vec<Vec<f32>>, DataError> {
    rows_of(images, indices, normalize, device, |input| network.features(input, &mut Pass::Eval))
}

/// Logits, features and, with a projection head, projections of the images `indices` in one pass over them, as [`predict`]
/// and [`embed`] give them.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn outputs(
    network: &Network,
    images: &ImageSet,
    indices: &[u32],
    normalize: &Normalize,
    device: &Device,
) -> Result<Outputs, DataError> {
    let classes = network.classes();
    let (mut logits, mut features, mut projections) = (Vec::new(), Vec::new(), Vec::new());
    // Side by side they are read from the device at once.
    let width = Cell::new(0);
    let side_by_side = |input| {
        let features = network.features(input, &mut Pass::Eval);
        let projections = network.projections(features.clone(), &mut Pass::Eval);
        width.set(features.dims()[1]);
        let all = [network.logits(features.clone()), features].into_iter().chain(projections);
        Tensor::cat(all.map(|output| output.cast(DType::F32)).collect(), 1)
    };
    let split = |row: &[f32]| {
        let (of_logits, rest) = row.split_at(classes);
        let (of_features, of_projections) = rest.split_at(width.get());
        logits.extend_from_slice(of_logits);
        features.extend_from_slice(of_features);
        projections.extend_from_slice(of_projections);
    };
    pass(images, indices, normalize, device, side_by_side, split)?;
    let projected = projections.len().checked_div(indices.len()).unwrap_or(0);
    let labels = images.labels();
    Ok(Outputs {
        labels: indices.iter().map(|&index| labels[index as usize]).collect(),
        logits: Rows::new(logits, classes).unwrap_or_default(),
        features: Rows::new(features, width.get()).unwrap_or_default(),
        projections: Rows::new(projections, projected).filter(|rows| !rows.is_empty()),
    })
}

/// Gives `take` a row of `output` for every image of `indices`.
fn pass(
    images: &ImageSet,
    indices: &[u32],
    normalize: &Normalize,
    device: &Device,
    mut output: impl FnMut(Tensor<4>) -> Tensor<2>,
    mut take: impl FnMut(&[f32]),
) -> Result<(), DataError> {
    let is_cpu = is_cpu(device);
    let _awake = is_cpu.then(Awake::new);
    let _prepacking = is_cpu.then(Prepacking::new);
    let mut unread = Vec::new();
    // A GPU would tune its operators again for a last batch that is smaller.
    let at_once = rows_at_once([images.height(), images.width()]);
    let padded = at_once.min(indices.len().next_power_of_two());
    for (chunk, some) in indices.chunks(at_once).enumerate() {
        let mut pixels = draw(images, some, normalize)?;
        let count = if is_cpu { some.len() } else { padded };
        pixels.resize(pixels.len() / some.len() * count, 0.0);
        let shape = [count, images.height(), images.width(), 3];
        let output = output(Tensor::from_data(TensorData::new(pixels, shape), device));
        let width = output.dims()[1];
        unread.push(output.narrow(0, 0, some.len()));
        if is_cpu || unread.len() == UNREAD || (chunk + 1) * at_once >= indices.len() {
            let read = values(Tensor::cat(std::mem::take(&mut unread), 0));
            read.chunks_exact(width).for_each(&mut take);
        }
    }
    Ok(())
}

fn rows_of(
    images: &ImageSet,
    indices: &[u32],
    normalize: &Normalize,
    device: &Device,
    output: impl FnMut(Tensor<4>) -> Tensor<2>,
) -> Result<Vec<Vec<f32>>, DataError> {
    let mut rows = Vec::with_capacity(indices.len());
    pass(images, indices, normalize, device, output, |row| rows.push(row.to_vec()))?;
    Ok(rows)
}

/// Those of the images `indices` that [`predict`] can read, in their order, and why it cannot read the others.
///
/// Images that are decoded already are not looked at.
pub fn readable(images: &ImageSet, indices: &[u32]) -> (Vec<u32>, Vec<String>) {
    if !images.is_on_demand() {
        return (indices.to_vec(), Vec::new());
    }
    let view = TestView::of(images, &Normalize::CIFAR);
    let look = |(scratch, out): &mut (Room, Vec<f32>), &index: &u32| {
        out.resize(view.values(), 0.0);
        view.draw(index, scratch, out).map(|()| index)
    };
    let looked: Vec<_> = indices.par_iter().map_init(Default::default, look).collect();
    let (good, bad): (Vec<_>, Vec<_>) = looked.into_iter().partition(Result::is_ok);
    let reasons = bad.into_iter().filter_map(Result::err).flat_map(DataError::reasons);
    (good.into_iter().flatten().collect(), reasons.collect())
}

/// Pixels of images under the test transform.
fn draw(images: &ImageSet, rows: &[u32], normalize: &Normalize) -> Result<Vec<f32>, DataError> {
    let view = TestView::of(images, normalize);
    let mut pixels = vec![0.0; rows.len() * view.values()];
    let make = |room: &mut Room, (out, &index): (&mut [f32], &u32)| view.draw(index, room, out);
    let chunks = pixels.par_chunks_exact_mut(view.values());
    chunks.zip(rows).try_for_each_init(Default::default, make)?;
    Ok(pixels)
}

/// What one thread makes views in.
type Room = (Scratch, Vec<u8>);

/// The test transform of a set.
struct TestView<'a> {
    images: &'a ImageSet,
    normalize: &'a Normalize,
    view: View,
}

impl<'a> TestView<'a> {
    fn of(images: &'a ImageSet, normalize: &'a Normalize) -> Self {
        Self { images, normalize, view: View::test_of(images) }
    }

    /// Numbers of one image.
    fn values(&self) -> usize {
        self.images.height() * self.images.width() * 3
    }

    fn draw(
        &self,
        index: u32,
        (scratch, buffer): &mut Room,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let Self { images, normalize, view } = self;
        let mut rng = stream(0, Purpose::View, u64::MAX, u64::from(index), 0);
        let image = images.open(index as usize, 1, buffer)?;
        view.draw(&*image, [images.height(), images.width()], normalize, &mut rng, scratch, out)
            .map_err(|reason| images.unreadable(index as usize, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::rows_at_once;

    #[test]
    fn large_images_pass_a_few_at_a_time() {
        let rows = [8, 32, 128, 224, 512, 4096].map(|size| rows_at_once([size, size]));
        assert_eq!(rows, [256, 256, 256, 64, 16, 8]);
    }
}
