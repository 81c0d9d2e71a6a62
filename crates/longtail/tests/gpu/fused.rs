use burn::tensor::Device;
use longtail::loss::Contrastive;
use longtail_kernels::ContrastPath;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::{
    contrast::{Case, Expected, Made, any_case, four, fused, leaf},
    gpu, support,
};

fn made(loss: &Contrastive, case: &Case, device: &Device) -> Made {
    fused(loss, case, device, ContrastPath::Gpu)
}

fn agrees(loss: &Contrastive, case: &Case, device: &Device) {
    Expected::of(loss, case).check(&made(loss, case, device), "the GPU");
}

/// As many as a software GPU has time for.
#[test]
fn the_operator_is_the_reference() {
    let Some((device, _alone)) = gpu() else { return };
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 {
        let (loss, case) =
            (support::any_loss(), any_case()).new_tree(&mut runner).unwrap().current();
        agrees(&loss, &case, &device);
    }
}

#[test]
fn sizes_at_the_edges_of_tiles() {
    let Some((device, _alone)) = gpu() else { return };
    let sizes = [
        (1, 1, 1),
        (1, 5, 128),
        (2, 1, 16),
        (63, 64, 15),
        (64, 65, 64),
        (65, 3, 130),
        (128, 64, 128),
        (193, 10, 47),
        (6, 1000, 32),
        (10, 3, 300),
    ];
    for (rows, classes, features) in sizes {
        let case = Case::new(rows, classes, features, rows as u64);
        four(0.1).iter().for_each(|loss| agrees(loss, &case, &device));
    }
}

#[test]
fn one_class_and_one_image_to_a_class() {
    let Some((device, _alone)) = gpu() else { return };
    for loss in four(0.1) {
        agrees(&loss, &Case { labels: vec![0; 130], ..Case::new(130, 1, 20, 3) }, &device);
        agrees(&loss, &Case { labels: (0..130).collect(), ..Case::new(130, 130, 20, 4) }, &device);
    }
}

#[test]
fn one_side_alone_and_a_factor() {
    let Some((device, _alone)) = gpu() else { return };
    let case = Case::new(70, 9, 33, 8);
    let loss = Contrastive::bcl_rcl(0.1);
    let made = made(&loss, &case, &device);
    let value = |tensor: burn::tensor::Tensor<2>| tensor.into_data().try_to_vec::<f32>().unwrap();
    let of = |z: bool, c: bool, by: f64| {
        let z = leaf(&case.z, &device).set_require_grad(z);
        let c = leaf(&case.c, &device).set_require_grad(c);
        let value = loss.loss(z.clone(), &case.labels, Some(c.clone()), &case.n, None).unwrap();
        let gradients = value.mul_scalar(by).backward();
        [z.grad(&gradients), c.grad(&gradients)]
    };
    let [z, none] = of(true, false, 1.0).map(|g| g.map(value));
    assert!(z.as_ref() == Some(&made.z) && none.is_none());
    let [none, c] = of(false, true, 0.5).map(|g| g.map(value));
    let halves = made.prototypes.iter().map(|g| g * 0.5).collect::<Vec<_>>();
    assert!(c == Some(halves) && none.is_none());
    let [z, c] = [&case.z, &case.c].map(|rows| leaf(rows, &device).inner());
    let alone = loss.loss(z, &case.labels, Some(c), &case.n, None).unwrap();
    assert_eq!(alone.into_data().try_to_vec::<f32>().unwrap(), [made.loss]);
}

#[test]
fn what_is_no_number_stays_so() {
    let Some((device, _alone)) = gpu() else { return };
    for (rows, bad) in [(1, 0), (70, 69), (130, 64)] {
        let mut case = Case::new(rows, 5, 17, 2);
        case.z[bad][16] = f64::NAN;
        for loss in four(0.1) {
            assert!(made(&loss, &case, &device).loss.is_nan(), "{rows}");
        }
    }
}

#[test]
fn temperatures_near_zero_stay_finite() {
    let Some((device, _alone)) = gpu() else { return };
    let mut case = Case::new(130, 20, 24, 6);
    case.z[1] = case.z[0].clone();
    for temperature in [1e-6, 1e-2] {
        for loss in four(temperature) {
            let made = made(&loss, &case, &device);
            let all = made.z.iter().chain(&made.prototypes);
            assert!(made.loss.is_finite() && all.clone().all(|g| g.is_finite()), "{loss:?}");
            assert!(all.clone().any(|g| *g != 0.0), "{loss:?}");
        }
    }
}

/// The matrix of similarities alone would take 256 MiB, the vectors and their gradient half a MiB.
#[test]
fn memory_does_not_grow_with_the_square_of_the_rows() {
    let Some((device, _alone)) = gpu() else { return };
    let held = || {
        device.sync().unwrap();
        device.memory_pool_usage().unwrap().bytes_reserved
    };
    let small = Case::new(64, 10, 8, 1);
    made(&Contrastive::bcl_rcl(0.1), &small, &device);
    let large = Case::new(8_192, 10, 8, 1);
    let before = held();
    made(&Contrastive::bcl_rcl(0.1), &large, &device);
    let grown = held().saturating_sub(before);
    println!("{grown} bytes for 8,192 rows");
    assert!(grown < 16 << 20, "{grown} bytes");
}
