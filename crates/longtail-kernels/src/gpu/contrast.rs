//! The contrastive loss on GPUs: the host's side.

use std::sync::{Mutex, PoisonError};

use burn::{
    backend::ops::FloatTensorOps,
    tensor::{DType, Shape, TensorData},
};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    kernel::into_contiguous,
    ops::{into_data_sync, numeric::empty_device_contiguous_dtype},
    tensor::CubeTensor,
};
use cubecl::{client::Client, prelude::*};

use super::kernels::{self, FEATURES, TILE, UNITS, fields};
use crate::contrast_terms::ContrastTerms;

/// The columns with what they carry, and the row sums of the loss.
pub(crate) struct Rows {
    columns: CubeTensor,
    table: CubeTensor,
    log_sum_exp: CubeTensor,
    include_self: bool,
    /// Σ of these is the loss; `[rows]`.
    pub terms: CubeTensor,
}

/// How the kernels fare on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// They run.
    Right,
    /// Its cubes are too small for them.
    TooSmall,
    /// A small case does not come out right. CubeCL 0.11.3 declares shared memory wrongly in SPIR-V where Vulkan
    /// lacks explicit layouts for it, as SwiftShader does: all kernels that use it, Burn's too, then give zeros.
    Wrong,
}

/// Tries a small case, once for every device.
pub(crate) fn trial(device: &CubeDevice) -> Trial {
    static TRIED: Mutex<Vec<(CubeDevice, Trial)>> = Mutex::new(Vec::new());
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, trial)) = tried.iter().find(|(known, _)| known == device) {
        return *trial;
    }
    let client = device.client();
    let hardware = &client.properties().hardware;
    let is_large = hardware.max_shared_memory_size >= kernels::SHARED_BYTES
        && hardware.max_units_per_cube >= (UNITS * UNITS) as u32;
    let trial = match is_large {
        false => Trial::TooSmall,
        true if is_right(device) => Trial::Right,
        true => Trial::Wrong,
    };
    tried.push((device.clone(), trial));
    trial
}

/// Two vectors of one class at right angles, T = 1, each its own contrast too: the loss is log(e + 1), and the
/// gradient ±e/(e + 1).
fn is_right(device: &CubeDevice) -> bool {
    let terms = ContrastTerms {
        temperature: 1.0,
        include_self: true,
        labels: vec![0; 2],
        bias_own: vec![0.0; 2],
        bias_other: vec![0.0; 2],
        prior: vec![0.0; 2],
        inverse_norm: vec![1.0; 2],
        factors: None,
    };
    let z = TensorData::new(vec![1.0_f32, 0.0, 0.0, 1.0], [2, 2]);
    let rows = forward(CubeBackend::float_from_data(z, device), None, &terms);
    let (loss, gradient) = (rows.loss(), rows.gradient());
    let e = std::f32::consts::E;
    let share = e / (e + 1.0);
    is_near(loss, &[(e + 1.0).ln()]) && is_near(gradient, &[share, -share, -share, share])
}

fn is_near(tensor: CubeTensor, expected: &[f32]) -> bool {
    let made: Vec<f32> = into_data_sync(tensor).iter::<f32>().collect();
    made.len() == expected.len() && made.iter().zip(expected).all(|(m, e)| (m - e).abs() < 1e-3)
}

/// The row sums of the loss of embeddings and, if there are any, prototypes.
pub(crate) fn forward(
    z: CubeTensor,
    prototypes: Option<CubeTensor>,
    terms: &ContrastTerms,
) -> Rows {
    let (client, device) = (z.client.clone(), z.device.clone());
    let rows = terms.anchors();
    let columns = match prototypes {
        Some(prototypes) => CubeBackend::float_cat(vec![z, prototypes], 0),
        None => z,
    };
    let columns = into_contiguous(columns);
    let table = CubeBackend::float_from_data(table(terms), &device);
    let empty = || empty(&client, &device, [rows].into());
    let (log_sum_exp, row_terms) = (empty(), empty());
    kernels::rows::launch(
        &client,
        CubeCount::Static(rows.div_ceil(TILE) as u32, 1, 1),
        CubeDim::new_2d(UNITS as u32, UNITS as u32),
        columns.clone().into_tensor_arg(),
        table.clone().into_tensor_arg(),
        log_sum_exp.clone().into_tensor_arg(),
        row_terms.clone().into_tensor_arg(),
        terms.include_self,
    );
    let include_self = terms.include_self;
    Rows { columns, table, log_sum_exp, include_self, terms: row_terms }
}

impl Rows {
    /// The loss, `[1]`.
    pub fn loss(&self) -> CubeTensor {
        CubeBackend::float_sum(self.terms.clone())
    }

    /// Its gradient by every column, in the columns' shape.
    pub fn gradient(self) -> CubeTensor {
        let Self { columns, table, log_sum_exp, include_self, .. } = self;
        let (client, device) = (columns.client.clone(), columns.device.clone());
        let shape = columns.meta.shape().clone();
        let [count, features] = shape.dims();
        let gradient = empty(&client, &device, shape);
        let cubes = [count.div_ceil(TILE), features.div_ceil(FEATURES)];
        kernels::gradient::launch(
            &client,
            CubeCount::Static(cubes[0] as u32, cubes[1] as u32, 1),
            CubeDim::new_2d(UNITS as u32, UNITS as u32),
            columns.into_tensor_arg(),
            table.into_tensor_arg(),
            log_sum_exp.into_tensor_arg(),
            gradient.clone().into_tensor_arg(),
            include_self,
        );
        gradient
    }
}

fn empty(client: &Client, device: &CubeDevice, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(client.clone(), device.clone(), shape, DType::F32)
}

/// What the kernels read beside the vectors, `[fields, columns]`.
fn table(terms: &ContrastTerms) -> TensorData {
    let columns = terms.labels.len();
    let rows = terms.anchors();
    let mut table = vec![0.0_f32; fields::COUNT * columns];
    let mut set = |field: usize, column: usize, value: f64| {
        table[field * columns + column] = value as f32;
    };
    for column in 0..columns {
        set(fields::LABEL, column, terms.labels[column].into());
        set(fields::BIAS_OWN, column, terms.bias_own[column]);
        set(fields::BIAS_OTHER, column, terms.bias_other[column]);
        set(fields::CONTRAST, column, terms.contrast_factor(column));
    }
    for (row, positives) in terms.positives().into_iter().enumerate() {
        let share = terms.inverse_norm[row] / rows as f64;
        set(fields::ANCHOR, row, terms.anchor_factor(row) / terms.temperature);
        set(fields::REPULSION, row, share * f64::from(positives));
        set(fields::ATTRACTION, row, share);
        set(fields::PRIOR, row, terms.prior[row]);
    }
    TensorData::new(table, [fields::COUNT, columns])
}
