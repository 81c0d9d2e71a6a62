use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::ThreadPoolBuilder;

use super::*;

const QUICK: TsneOptions = TsneOptions {
    perplexity: 10.0,
    early_exaggeration: 12.0,
    early_iterations: 60,
    iterations: 40,
    seed: 3,
};

/// `count` rows around `heaps` middles that are `apart` deviations from 0, and the heap of each.
fn heaps(count: usize, heaps: usize, apart: f32) -> (Rows, Vec<usize>) {
    const WIDTH: usize = 8;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut drawn = || -> f32 { StandardNormal.sample(&mut rng) };
    let middles: Vec<f32> = (0..heaps * WIDTH).map(|_| drawn() * apart).collect();
    let labels: Vec<usize> = (0..count).map(|row| row % heaps).collect();
    let values = labels.iter().flat_map(|label| &middles[label * WIDTH..][..WIDTH]);
    let values = values.map(|middle| middle + drawn()).collect();
    (Rows::new(values, WIDTH).unwrap(), labels)
}

/// The share of points whose nearest other point is of the same heap.
fn agreement(points: &[[f64; 2]], labels: &[usize]) -> f64 {
    let nearest = |own: usize| {
        let to = |other: usize| {
            let [x, y] = [0, 1].map(|axis| points[own][axis] - points[other][axis]);
            x * x + y * y
        };
        let others = (0..points.len()).filter(|other| *other != own);
        others.min_by(|&a, &b| to(a).total_cmp(&to(b))).unwrap()
    };
    let same = (0..points.len()).filter(|&own| labels[own] == labels[nearest(own)]);
    same.count() as f64 / points.len() as f64
}

#[test]
fn heaps_stay_apart_by_all_pairs_and_by_the_field() {
    for count in [300, 1300] {
        let (rows, labels) = heaps(count, 6, 4.0);
        let embedding = tsne(&rows, &QUICK).unwrap();
        assert_eq!((embedding.points.len(), embedding.perplexity), (count, 10.0));
        let same = agreement(&embedding.points, &labels);
        assert!(same > 0.99, "{same}");
        let scattered: Vec<usize> = (0..count).map(|row| row / 7 % 6).collect();
        assert!(agreement(&embedding.points, &scattered) < 0.5);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    for count in [200, 1300] {
        let (rows, _) = heaps(count, 3, 1.0);
        let on = |threads, options: &TsneOptions| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| tsne(&rows, options)).unwrap()
        };
        let one = on(1, &QUICK);
        assert_eq!(one, on(2, &QUICK));
        assert_eq!(one, on(3, &QUICK));
        assert_ne!(one.points, on(2, &TsneOptions { seed: 4, ..QUICK }).points);
    }
}

#[test]
fn the_descent_ends_lower_than_it_begins() {
    let (rows, _) = heaps(1300, 5, 1.0);
    let after = |iterations| tsne(&rows, &TsneOptions { iterations, ..QUICK }).unwrap().divergence;
    let (few, many) = (after(0), after(200));
    assert!(many > 0.0 && many < 0.8 * few, "{few} {many}");
}

#[test]
fn no_scale_of_the_features_changes_the_embedding() {
    let (rows, _) = heaps(60, 3, 2.0);
    let of = |scale: f32| {
        let values = rows.values().iter().map(|value| value * scale).collect();
        tsne(&Rows::new(values, rows.width()).unwrap(), &QUICK).unwrap()
    };
    assert_eq!(of(1.0), of(2_f32.powi(-60)));
    assert_eq!(of(1.0), of(2_f32.powi(120)));
}

#[test]
fn rows_without_differences_and_few_rows_are_embedded_too() {
    let two_values = (0..90).map(|row| (row % 2) as f32).collect();
    let cases: [(Vec<f32>, usize); 6] = [
        (vec![0.0; 1200], 1),
        (vec![f32::MAX; 50], 5),
        (two_values, 1),
        (vec![f32::MAX, f32::MIN, 0.0], 1),
        (vec![1e-45, 0.0, 0.0, 0.0], 1),
        (vec![1.0, 2.0, 3.0, 5.0, 8.0, 13.0], 2),
    ];
    for (values, width) in cases {
        let rows = Rows::new(values, width).unwrap();
        let embedding = tsne(&rows, &QUICK).unwrap();
        assert!(embedding.points.iter().flatten().all(|at| at.is_finite()), "{rows:?}");
        assert!(embedding.divergence.is_finite());
        assert_eq!(embedding.perplexity, ((rows.len() - 1) as f64 / 3.0).clamp(1.0, 10.0));
    }
}

#[test]
fn what_cannot_be_embedded_is_refused() {
    let of = |values: Vec<f32>, options| tsne(&Rows::new(values, 2).unwrap(), &options);
    assert_eq!(of(vec![0.0; 4], QUICK), Err(EvalError::TooFewRows { rows: 2 }));
    assert_eq!(tsne(&Rows::default(), &QUICK), Err(EvalError::TooFewRows { rows: 0 }));
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![1.0; 20];
        values[7] = broken;
        let refused = Err(EvalError::NotFinite { what: "features", image: 3 });
        assert_eq!(of(values, QUICK), refused);
    }
    for value in [0.5, f64::NAN, f64::INFINITY] {
        for options in [
            TsneOptions { perplexity: value, ..QUICK },
            TsneOptions { early_exaggeration: value, ..QUICK },
        ] {
            let error = of(vec![0.0; 20], options).unwrap_err();
            assert!(matches!(error, EvalError::TsneOption { .. }), "{error}");
        }
    }
}
