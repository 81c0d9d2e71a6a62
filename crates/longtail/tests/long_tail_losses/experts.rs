//! RIDE: the experts' losses, their diversity, distillation and routing.

use longtail::loss::{
    Ldam, LossError, Ride, RideReweighting, class_temperatures, distillation, expert_assignment,
    expert_diversity,
};

use super::*;

struct Oracle {
    figures: Value,
    n: ClassCounts,
    labels: Vec<u32>,
    experts: Vec<Rows>,
}

fn oracle() -> Oracle {
    let figures: Value = serde_json::from_str(include_str!("../oracles/ride.json")).unwrap();
    let n = counts(&of::<Vec<usize>>(&figures["n"]));
    Oracle { n, labels: of(&figures["labels"]), experts: of(&figures["experts"]), figures }
}

/// Value and gradients, expert by expert, against an entry's.
#[track_caller]
fn all_match(actual: &(f64, Vec<Vec<f64>>), entry: &Value, tolerance: f64) {
    close(actual.0, of(&entry["loss"]), tolerance);
    let expected: Vec<Rows> = of(&entry["gradients"]);
    assert_eq!(actual.1.len(), expected.len());
    for (actual, expected) in actual.1.iter().zip(expected) {
        all_close(actual, &expected.concat(), tolerance);
    }
}

fn setting(entry: &Value) -> Ride {
    let (diversity_factor, temperature) =
        (of(&entry["diversity_factor"]), of(&entry["temperature"]));
    Ride { ldam: Ldam::default(), diversity_factor, temperature }
}

#[test]
fn ride_matches_its_public_code_before_and_after_the_moment() {
    let Oracle { figures, n, labels, experts } = oracle();
    let cases = figures["cases"].as_array().unwrap();
    let after = |entry: &Value| of::<bool>(&entry["after"]);
    assert!(cases.iter().any(after) && !cases.iter().all(after));
    for entry in cases {
        let ride = setting(entry);
        let factor = of(&entry["reweight_factor"]);
        let reweighting = RideReweighting::new(&n, 0.9999, factor).unwrap();
        let temperatures: Vec<f64> = of(&entry["class_temperatures"]);
        all_close(&reweighting.class_temperatures, &temperatures, 1e-15);
        all_close(&reweighting.class_weights, &of::<Vec<f64>>(&entry["weights"]), 1e-12);
        let reweighting = after(entry).then_some(&reweighting);
        for (dtype, tolerance) in PRECISIONS {
            let loss = |x: &[Tensor<2>]| ride.loss(x, &labels, &n, reweighting);
            let total = differentiated(&experts, dtype, |x| Ok(loss(x)?.total()));
            all_match(&total, entry, tolerance);
            let diversity = differentiated(&experts, dtype, |x| Ok(loss(x)?.diversity));
            all_match(&diversity, &entry["diversity"], tolerance);
            let ldam = differentiated(&experts, dtype, |x| Ok(loss(x)?.ldam)).0;
            close(ldam + diversity.0, total.0, tolerance);
        }
    }
}

/// The public code adds both losses once per expert.
#[test]
fn ride_with_distillation_matches_its_public_code() {
    let Oracle { figures, n, labels, experts } = oracle();
    let teacher: Rows = of(&figures["teacher"]);
    for entry in figures["cases"].as_array().unwrap() {
        let reweighting = RideReweighting::new(&n, 0.9999, of(&entry["reweight_factor"])).unwrap();
        let reweighting = of::<bool>(&entry["after"]).then_some(&reweighting);
        let expected = &entry["with_distillation"];
        for (dtype, tolerance) in PRECISIONS {
            let loss = |x: &[Tensor<2>]| {
                let own = setting(entry).loss(x, &labels, &n, reweighting)?.total();
                let mean = (x[0].clone() + x[1].clone() + x[2].clone()).mul_scalar(1.0 / 3.0);
                let teacher = tensor(&teacher, dtype);
                let taught = distillation(mean, teacher, of(&expected["temperature"]))?;
                Ok((own + taught).mul_scalar(3.0))
            };
            all_match(&differentiated(&experts, dtype, loss), expected, tolerance);
        }
    }
    for entry in figures["distillation"].as_array().unwrap() {
        for (dtype, tolerance) in PRECISIONS {
            let loss = |x| distillation(x, tensor(&teacher, dtype), of(&entry["temperature"]));
            matches_entry(&of_logits(&experts[0], dtype, loss), entry, tolerance);
        }
    }
}

#[test]
fn routing_matches_its_public_code() {
    let Oracle { figures, labels, .. } = oracle();
    let experts: Vec<Rows> = of(&figures["routing_experts"]);
    for entry in figures["routing"].as_array().unwrap() {
        for (dtype, tolerance) in PRECISIONS {
            let experts: Vec<_> = experts.iter().map(|rows| tensor(rows, dtype)).collect();
            let weight = of(&entry["positive_weight"]);
            let loss = |gates| expert_assignment(gates, &experts, &labels, weight);
            let actual = of_logits(&of::<Rows>(&figures["gates"]), dtype, loss);
            matches_entry(&actual, entry, tolerance);
        }
    }
}

#[test]
fn experts_that_agree_have_no_diversity_and_no_teacher_teaches_itself() {
    let Oracle { n, experts, .. } = oracle();
    let temperatures = class_temperatures(&n, 0.05).unwrap();
    let same = vec![experts[0].clone(); 3];
    let loss = |x: &[Tensor<2>]| expert_diversity(x, &temperatures);
    let (value, slopes) = differentiated(&same, DType::F64, loss);
    assert!(value.abs() < 1e-14 && slopes.concat().iter().all(|slope| slope.abs() < 1e-14));
    let (value, _) = differentiated(&experts, DType::F64, loss);
    assert!(value > 0.1, "{value}");
    let itself = |x| distillation(x, tensor(&experts[0], DType::F64), 1.5);
    let (value, slopes) = of_logits(&experts[0], DType::F64, itself);
    assert!(value.abs() < 1e-14 && slopes.iter().all(|slope| slope.abs() < 1e-14));
}

/// T² KL(teacher‖student), which is not T² KL(student‖teacher); the gradient by the student is T (p_s − p_t) / rows.
#[test]
fn distillation_by_hand() {
    // Divided by T = 2, probabilities ¾ and ¼ of the teacher, and ½ and ½ of the student.
    let (wise, own) = (vec![vec![2.0 * 3_f64.ln(), 0.0]], vec![vec![0.7, 0.7]]);
    let loss = |teacher: &Rows, student: &Rows| {
        of_logits(student, DType::F64, |x| distillation(x, tensor(teacher, DType::F64), 2.0))
    };
    let (value, slopes) = loss(&wise, &own);
    close(value, 4.0 * (0.75 * 1.5_f64.ln() + 0.25 * 0.5_f64.ln()), 1e-14);
    all_close(&slopes, &[-0.5, 0.5], 1e-14);
    let reversed = 4.0 * (0.5 * (2.0 / 3.0_f64).ln() + 0.5 * 2_f64.ln());
    close(loss(&own, &wise).0, reversed, 1e-14);
    assert!((value - reversed).abs() > 0.05, "{value} and {reversed}");
}

#[test]
fn no_gradient_reaches_the_teacher() {
    let Oracle { experts, .. } = oracle();
    let [student, teacher] = [0, 1].map(|expert| tensor(&experts[expert], DType::F32));
    let loss = distillation(student.clone(), teacher.clone(), 1.5).unwrap();
    let gradients = loss.backward();
    assert!(student.grad(&gradients).is_some() && teacher.grad(&gradients).is_none());
}

#[test]
fn no_diversity_factor_leaves_the_experts_own_losses() {
    let Oracle { n, labels, experts, .. } = oracle();
    let ride = Ride { diversity_factor: 0.0, ..Ride::default() };
    let (total, slopes) =
        differentiated(&experts, DType::F64, |x| Ok(ride.loss(x, &labels, &n, None)?.total()));
    let mut sum = 0.0;
    for (expert, slopes) in experts.iter().zip(slopes) {
        let own = |x| ride.ldam.loss_of_scaled(x, &labels, &n, None);
        let (value, own_slopes) = of_logits(expert, DType::F64, own);
        sum += value;
        all_close(&slopes, &own_slopes, 1e-15);
    }
    close(total, sum, 1e-15);
}

#[test]
fn temperatures_by_hand() {
    let n = counts(&[6, 2]);
    // C·π = 1.5 and 0.5.
    all_close(&class_temperatures(&n, 0.2).unwrap(), &[1.0, 0.9 / 1.1], 1e-15);
    assert_eq!(class_temperatures(&n, 0.0).unwrap(), [1.0, 1.0]);
    for factor in [-0.1, 1.1, f64::NAN] {
        assert!(class_temperatures(&n, factor).is_err(), "{factor}");
    }
}

/// Of the sums of one, two and three experts, right are: the first alone, the second alone, the last alone, none. In
/// the third row the second expert is right by itself, and outweighed.
#[test]
fn another_expert_is_needed_where_a_later_sum_mends_a_wrong_one() {
    let (yes, no) = (|size: f64| vec![size, 0.0], |size: f64| vec![0.0, size]);
    let experts = [
        [yes(1.0), no(1.0), no(1.0), no(1.0)],
        [no(3.0), yes(3.0), yes(0.5), no(1.0)],
        [no(1.0), no(9.0), yes(3.0), no(1.0)],
    ];
    let experts: Vec<_> = experts.iter().map(|rows| tensor(rows, DType::F64)).collect();
    let gates = vec![vec![0.0, 0.0]; 4];
    let loss = |gates| expert_assignment(gates, &experts, &[0; 4], 3.0);
    let (_, slopes) = of_logits(&gates, DType::F64, loss);
    // Of a gate at 0: −3/2 where needed and ½ where not, over eight cells.
    let needed = [[0, 0], [1, 0], [1, 1], [0, 0]].concat();
    let expected: Vec<f64> =
        needed.iter().map(|&needed| if needed == 1 { -1.5 / 8.0 } else { 0.5 / 8.0 }).collect();
    all_close(&slopes, &expected, 1e-15);
}

#[test]
fn extremes_stay_finite() {
    let (rows, labels) = extremes();
    let opposed: Rows = rows.iter().map(|row| row.iter().map(|f| -f).collect()).collect();
    let n = counts(&[1000, 10, 1]);
    let after = RideReweighting::new(&n, 0.9999, 0.05).unwrap();
    let experts = [rows.clone(), opposed.clone()];
    for (dtype, _) in PRECISIONS {
        let loss =
            |x: &[Tensor<2>]| Ok(Ride::default().loss(x, &labels, &n, Some(&after))?.total());
        let (value, slopes) = differentiated(&experts, dtype, loss);
        finite(&(value, slopes.concat()));
        finite(&of_logits(&rows, dtype, |x| distillation(x, tensor(&opposed, dtype), 0.5)));
        let experts = experts.each_ref().map(|rows| tensor(rows, dtype));
        let gates = [[1e3], [-1e3], [0.0], [1e3]].map(Vec::from);
        finite(&of_logits(&gates, dtype, |x| expert_assignment(x, &experts, &labels, 100.0)));
        let one = |x: &[Tensor<2>]| Ok(Ride::default().loss(x, &[0], &counts(&[7]), None)?.total());
        let (value, slopes) = differentiated(&[vec![vec![2.0]], vec![vec![-9.0]]], dtype, one);
        assert_eq!((value, slopes.concat()), (0.0, vec![0.0; 2]));
    }
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let x = |rows: usize, classes: usize| tensor(&vec![vec![0.5; classes]; rows], DType::F32);
    let n = counts(&[3, 1]);
    let ride = Ride::default();
    let refused = |experts: &[Tensor<2>]| ride.loss(experts, &[0, 1], &n, None).unwrap_err();
    assert_eq!(refused(&[]), LossError::Experts { experts: 0, least: 1 });
    assert!(matches!(refused(&[x(2, 2), x(2, 3)]), LossError::Shape { .. }));
    assert_eq!(refused(&[x(3, 2)]), LossError::Rows { labels: 2, rows: 3 });
    assert_eq!(refused(&[x(2, 3)]), LossError::Classes { counts: 2, logits: 3 });
    let nan = Ride { diversity_factor: f64::NAN, ..ride };
    let error = nan.loss(&[x(2, 2)], &[0, 1], &n, None).unwrap_err();
    assert!(matches!(error, LossError::Parameter { .. }), "{error}");
    let cold = Ride { temperature: 0.0, ..ride };
    let error = cold.loss(&[x(2, 2)], &[0, 1], &n, None).unwrap_err();
    assert_eq!(error, LossError::Temperature(0.0));
    assert!(RideReweighting::new(&n, 1.0, 0.05).is_err());
    assert!(expert_diversity(&[x(2, 2)], &[1.0]).is_err());
    assert!(expert_diversity(&[x(2, 2)], &[1.0, -1.0]).is_err());
    assert!(matches!(distillation(x(2, 2), x(2, 3), 1.0), Err(LossError::Shape { .. })));
    assert!(matches!(distillation(x(2, 2), x(2, 2), 0.0), Err(LossError::Temperature(_))));
    let none = || Tensor::<2>::zeros([0, 2], &Device::flex());
    assert_eq!(distillation(none(), none(), 1.0).unwrap_err(), LossError::NoRows);
    assert_eq!(expert_diversity(&[none()], &[1.0; 2]).unwrap_err(), LossError::NoRows);
    let gate = |gates, experts: &[Tensor<2>], weight| {
        expert_assignment(gates, experts, &[0, 1], weight).unwrap_err()
    };
    assert_eq!(gate(x(2, 1), &[x(2, 2)], 1.0), LossError::Experts { experts: 1, least: 2 });
    assert!(matches!(gate(x(2, 2), &[x(2, 2), x(2, 2)], 1.0), LossError::Shape { .. }));
    let error = gate(x(2, 1), &[x(2, 2), x(2, 2)], 0.0);
    assert!(matches!(error, LossError::Parameter { .. }), "{error}");
}
