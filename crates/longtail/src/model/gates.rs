use burn::{
    module::Module,
    tensor::{DType, Tensor},
};

use super::{Initialiser, Linear, Part, l2_normalise, layers::relu};

/// Logits, largest first, that a gate sees (`top_choices_num` of RIDE's configurations).
const TOP: usize = 30;
/// Features of a gate's hidden layer.
const HIDDEN: usize = 16;

/// One gate behind every expert but the last, which says whether an image needs another expert (RIDE's second stage,
/// `EAModel` of the public code): a layer of its own on the expert's features of unit length, and one layer for all gates
/// on that and on the largest of the logits so far.
#[derive(Module, Debug)]
pub struct Gates {
    hidden: Vec<Linear>,
    gate: Linear,
    /// Features of an expert.
    width: usize,
}

impl Gates {
    /// Gates behind `experts` experts of `width` features each, for `classes` classes.
    pub(super) fn new([experts, width, classes]: [usize; 3], init: &mut Initialiser) -> Self {
        init.enter(Part::Gates);
        let hidden = (1..experts).map(|_| Linear::new(width, HIDDEN, true, init)).collect();
        let gate = Linear::new(HIDDEN + classes.min(TOP), 1, true, init);
        Self { hidden, gate, width }
    }

    /// Logits of the gates, `[rows, experts - 1]`: above 0 where an image needs the next expert too.
    ///
    /// `features`: of all experts side by side, `[rows, experts · width]`; `experts`: their logits.
    pub fn forward(&self, features: Tensor<2>, experts: &[Tensor<2>]) -> Tensor<2> {
        let mut sum: Option<Tensor<2>> = None;
        let mut gates = Vec::with_capacity(self.hidden.len());
        for (place, (hidden, logits)) in self.hidden.iter().zip(experts).enumerate() {
            let so_far = match sum.take() {
                Some(sum) => sum + logits.clone(),
                None => logits.clone(),
            };
            sum = Some(so_far.clone());
            let top = so_far.dims()[1].min(TOP);
            let mean = so_far.div_scalar((place + 1) as f64).sort_descending(1).narrow(1, 0, top);
            let own = features.clone().narrow(1, place * self.width, self.width);
            let seen = relu(hidden.forward(l2_normalise(own)));
            gates.push(self.gate.forward(Tensor::cat(vec![mean, seen], 1)));
        }
        Tensor::cat(gates, 1)
    }

    /// The mean logits of the experts that each image is given, `[rows, classes]`: the first one, and one more for as long
    /// as the gates ask for it.
    pub fn mean_logits(&self, features: Tensor<2>, experts: &[Tensor<2>]) -> Tensor<2> {
        let gates = self.forward(features, experts);
        let asked = gates.greater_elem(0.0).float().cast(DType::F32);
        let (mut given, mut sum) = (asked.clone().narrow(1, 0, 1).ones_like(), experts[0].clone());
        let mut count = given.clone();
        for (place, logits) in experts.iter().enumerate().skip(1) {
            given = given * asked.clone().narrow(1, place - 1, 1);
            sum = sum + logits.clone() * given.clone();
            count = count + given.clone();
        }
        sum / count
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::{device, model::weights::values};

    const ROWS: usize = 40;
    const CLASSES: usize = 4;
    const WIDTH: usize = 3;
    const EXPERTS: usize = 3;

    /// Numbers between -2 and 2.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 22) as f32 - 2.0
        };
        (0..count).map(next).collect()
    }

    fn tensor(rows: Vec<f32>, width: usize) -> Tensor<2> {
        let shape = [rows.len() / width, width];
        Tensor::from_data(TensorData::new(rows, shape), &device::cpu())
    }

    #[test]
    fn an_image_is_given_experts_until_a_gate_says_enough() {
        let gates = Gates::new([EXPERTS, WIDTH, CLASSES], &mut Initialiser::new(3, &device::cpu()));
        let features = tensor(numbers(ROWS * EXPERTS * WIDTH, 1), EXPERTS * WIDTH);
        let experts: Vec<_> =
            (0..EXPERTS as u32).map(|e| tensor(numbers(ROWS * CLASSES, 7 + e), CLASSES)).collect();
        let asked = values(gates.forward(features.clone(), &experts));
        let routed = values(gates.mean_logits(features, &experts));
        let logits: Vec<_> = experts.into_iter().map(values).collect();
        let mut used = [0; EXPERTS];
        for row in 0..ROWS {
            let own = &asked[row * (EXPERTS - 1)..(row + 1) * (EXPERTS - 1)];
            let count = 1 + own.iter().take_while(|gate| **gate > 0.0).count();
            used[count - 1] += 1;
            for class in 0..CLASSES {
                let at = row * CLASSES + class;
                let mean = logits[..count].iter().map(|l| l[at]).sum::<f32>() / count as f32;
                assert!((routed[at] - mean).abs() < 1e-6, "{} is not {mean}", routed[at]);
            }
        }
        assert!(used.iter().all(|images| *images > 0), "{used:?}");
    }

    /// A gate sees the mean of the logits so far, largest first, and its own expert's features.
    #[test]
    fn gates_do_not_depend_on_the_order_of_classes_nor_on_later_experts() {
        let gates = Gates::new([EXPERTS, WIDTH, CLASSES], &mut Initialiser::new(5, &device::cpu()));
        let features = tensor(numbers(ROWS * EXPERTS * WIDTH, 1), EXPERTS * WIDTH);
        let experts = |swapped: bool, last: u32| -> Vec<_> {
            let of = |e: u32| {
                let logits =
                    tensor(numbers(ROWS * CLASSES, if e == 2 { last } else { e }), CLASSES);
                if swapped { logits.flip([1]) } else { logits }
            };
            (0..EXPERTS as u32).map(of).collect()
        };
        let of = |experts: Vec<_>| values(gates.forward(features.clone(), &experts));
        let plain = of(experts(false, 2));
        assert_eq!(of(experts(true, 2)), plain);
        assert_eq!(of(experts(false, 99)), plain);
        let longer = tensor(numbers(ROWS * EXPERTS * WIDTH, 1), EXPERTS * WIDTH).mul_scalar(3.0);
        let longer = values(gates.forward(longer, &experts(false, 2)));
        assert!(
            longer.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-5),
            "lengths do not count"
        );
    }
}
