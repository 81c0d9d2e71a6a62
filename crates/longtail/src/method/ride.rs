//! Experts on a common trunk, each with a margin loss, driven apart from their mean (Wang et al. 2021: RIDE).

use super::{
    Definition, Knob, Plan, Settings,
    deferred::{BETA, Deferred, REWEIGHT_AT},
    parts,
};
use crate::{
    loss::{
        ClassCounts, Draw, Ldam, LossError, Losses, Measure, Moment, Objective, Ride,
        RideReweighting, only,
    },
    model::{BatchStatistics, Branches, ClassifierKind, Network, NetworkConfig, Pass},
};

/// Channels of an expert's second and third stage (`reduce_dimension` of the public code).
const WIDTHS: [usize; 2] = [24, 48];
const SCALE: f64 = 30.0;

const EXPERTS: Knob =
    Knob::count("experts", [3, 2, 16], "how many experts there are", "Wang et al.: 2 to 4");
const DIVERSITY: Knob = Knob::number(
    "diversity",
    [-0.45, -10.0, 10.0],
    "λ of the divergence from the experts' mean; below 0 it drives them apart",
    "RIDE's recipe for CIFAR; -.2 for ImageNet-LT",
);
const TEMPERATURE_FACTOR: Knob = Knob::number(
    "temperature_factor",
    [0.05, 0.0, 1.0],
    "how far the temperatures of classes lie apart once they are weighted",
    "RIDE's recipe for CIFAR; .02 for ImageNet-LT",
);
pub(super) const DEFINITION: Definition = Definition {
    name: "ride",
    rows: "Tables 3 and 4: RIDE",
    contrastive: None,
    first_stage: None,
    knobs: &[EXPERTS, DIVERSITY, TEMPERATURE_FACTOR, BETA, REWEIGHT_AT],
    plan,
};

fn plan(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let knobs = &settings.method.knobs;
    let network = NetworkConfig {
        branches: Branches::Experts { count: EXPERTS.whole(knobs), widths: WIDTHS },
        classifier: ClassifierKind::Cosine,
        cosine_scale: SCALE,
        ..parts::network(settings, counts.classes(), None)
    };
    let objective = RideObjective {
        ride: Ride {
            ldam: Ldam { scale: SCALE, ..Ldam::default() },
            diversity_factor: DIVERSITY.real(knobs),
            ..Ride::default()
        },
        counts: counts.clone(),
        beta: BETA.real(knobs),
        temperature_factor: TEMPERATURE_FACTOR.real(knobs),
        deferred: Deferred::of(settings),
    };
    let stage = parts::stage(settings, parts::views(settings, 1), Box::new(objective));
    Plan { network, stages: vec![stage] }
}

#[derive(Debug)]
struct RideObjective {
    ride: Ride,
    counts: ClassCounts,
    beta: f64,
    temperature_factor: f64,
    /// When weights and temperatures begin.
    deferred: Deferred,
}

impl RideObjective {
    fn reweighting(&self, moment: Moment) -> Result<Option<RideReweighting>, LossError> {
        let made = || RideReweighting::new(&self.counts, self.beta, self.temperature_factor);
        self.deferred.has_begun(moment).then(made).transpose()
    }
}

impl Objective for RideObjective {
    fn before_epoch(
        &mut self,
        moment: Moment,
        _: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        Ok(self.deferred.said_before(moment))
    }

    fn losses(
        &self,
        network: &Network,
        draws: &[Draw],
        moment: Moment,
    ) -> Result<Losses, LossError> {
        let Draw { images, labels } = only(draws)?;
        let mut statistics = BatchStatistics::default();
        let features = network.features(images.clone(), &mut Pass::Train(&mut statistics));
        let experts = network.expert_logits(features);
        let reweighting = self.reweighting(moment)?;
        let loss = self.ride.loss(&experts, labels, &self.counts, reweighting.as_ref())?;
        let parts = vec![("margin", loss.ldam.clone()), ("diversity", loss.diversity.clone())];
        Ok(Losses { total: loss.total(), parts, logits: experts, statistics })
    }
}
