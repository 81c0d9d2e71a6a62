//! Two branches, one on images as they come and one on reversed frequencies, mixed from the first to the second over
//! the epochs (Zhou et al. 2020: BBN).

use burn::tensor::Tensor;

use super::{Definition, Plan, Settings, parts};
use crate::{
    batch::Sampling,
    loss::{
        ClassCounts, Draw, LossError, Losses, Moment, Objective, cumulative_learning,
        cumulative_share,
    },
    model::{BatchStatistics, Branches, ClassifierKind, Network, NetworkConfig, Pass},
};

pub(super) const DEFINITION: Definition = Definition {
    name: "bbn",
    rows: "Tables 3 and 4: BBN",
    contrastive: None,
    first_stage: None,
    knobs: &[],
    plan,
};

fn plan(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let network = NetworkConfig {
        branches: Branches::LastBlocks { count: 2 },
        classifier: ClassifierKind::Linear,
        ..parts::network(settings, counts.classes(), None)
    };
    let objective = Bbn { counts: counts.clone() };
    let mut stage = parts::stage(settings, parts::views(settings, 1), Box::new(objective));
    let samplings = [Sampling::Instance, Sampling::Reversed];
    stage.samplers = samplings.map(|sampling| parts::sampler(settings, sampling)).into();
    Plan { network, stages: vec![stage] }
}

#[derive(Debug)]
struct Bbn {
    counts: ClassCounts,
}

impl Objective for Bbn {
    /// The branches together see every class alike: one as often as it comes, one the more rarely.
    fn class_factors(&self, _: Moment) -> Option<Vec<f64>> {
        Some(self.counts.counts().iter().map(|&count| 1.0 / count as f64).collect())
    }

    fn losses(
        &self,
        network: &Network,
        draws: &[Draw],
        moment: Moment,
    ) -> Result<Losses, LossError> {
        let [conventional, rebalancing] = draws else {
            return Err(LossError::Draws { given: draws.len(), needed: 2 });
        };
        let rows = conventional.labels.len().min(rebalancing.labels.len());
        let share = cumulative_share(moment.epoch + 1, moment.epochs)?;
        let mut statistics = BatchStatistics::default();
        let mut features = |branch: usize, draw: &Draw| {
            let images = draw.images.clone().narrow(0, 0, rows);
            network.branch_features(images, branch, &mut Pass::Train(&mut statistics))
        };
        let mixed = [
            features(0, conventional).mul_scalar(2.0 * share),
            features(1, rebalancing).mul_scalar(2.0 * (1.0 - share)),
        ];
        let logits = network.logits(Tensor::cat(mixed.into(), 1));
        let labels = [conventional, rebalancing].map(|draw| &draw.labels[..rows]);
        let total = cumulative_learning(logits.clone(), labels[0], labels[1], share)?;
        let parts = vec![("mixed", total.clone())];
        Ok(Losses { total, parts, logits: vec![logits], statistics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::tests::recipe;

    #[test]
    fn the_second_batch_is_drawn_by_reversed_frequencies() {
        let plan = plan(&recipe("bbn", "").settings(), &ClassCounts::new(vec![50, 5]).unwrap());
        let samplings = plan.stages[0].samplers.iter().map(|sampler| sampler.sampling);
        assert!(samplings.eq([Sampling::Instance, Sampling::Reversed]));
        assert_eq!(plan.network.branches.count(), 2);
    }
}
