//! Experts on a common trunk, each with a margin loss, driven apart from their mean (Wang et al. 2021: RIDE).

use super::{
    Definition, Knob, Plan, Settings, Stage,
    deferred::{BETA, Deferred, REWEIGHT_AT, share_of},
    parts,
};
use crate::{
    batch::{SamplerConfig, Sampling},
    loss::{
        ClassCounts, Distillation, Draw, Ldam, LossError, Losses, Measure, Moment, Objective, Ride,
        RideReweighting, Teacher, expert_assignment, mean_of, only,
    },
    model::{
        BatchStatistics, Branches, ClassifierKind, ClassifierStart, Network, NetworkConfig, Part,
        Pass,
    },
    optim::Schedule,
};

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
const DISTILLATION_WEIGHT: Knob = Knob::number(
    "distillation_weight",
    [1.0, 0.0, 1e6],
    "with a teacher: weight of its divergence from the experts' mean",
    "RIDE's code",
)
.later();
const DISTILLATION_TEMPERATURE: Knob = Knob::number(
    "distillation_temperature",
    [1.5, 1e-3, 1e3],
    "with a teacher: T, dividing the logits of both",
    "RIDE's recipe for CIFAR with a teacher",
)
.later();
const DISTILLATION_PER_EXPERT: Knob = Knob::flag(
    "distillation_per_expert",
    true,
    "with a teacher: whether the whole loss is added once per expert",
    "RIDE's code, which then gives the experts K times the loss",
)
.later();
const ROUTING: Knob = Knob::flag(
    "routing",
    false,
    "whether gates then learn which images need more than one expert",
    "RIDE's second stage (its EA configurations)",
)
.later();
const ROUTING_EPOCHS: Knob = Knob::number(
    "routing_epochs",
    [0.025, 0.0, 10.0],
    "epochs of that stage, as a share of the first's",
    "5 after 200 in RIDE's recipe for CIFAR",
)
.later();
const ROUTING_LR: Knob = Knob::number(
    "routing_lr",
    [0.01, 1e-9, 1e9],
    "learning rate of that stage, which falls by a cosine",
    "RIDE's recipe for CIFAR",
)
.later();
/// Batches of the first stage in one of the second: 512 images after 128 in RIDE's recipes.
const ROUTING_BATCHES: usize = 4;
/// What a gate's miss of a needed expert counts, one that calls for a needless one counting 1 (`pos_weight`).
const NEEDED_WEIGHT: f64 = 100.0;

pub(super) const DEFINITION: Definition = Definition {
    name: "ride",
    rows: "Tables 3 and 4: RIDE",
    contrastive: None,
    first_stage: None,
    knobs: &[
        EXPERTS,
        DIVERSITY,
        TEMPERATURE_FACTOR,
        BETA,
        REWEIGHT_AT,
        DISTILLATION_WEIGHT,
        DISTILLATION_TEMPERATURE,
        DISTILLATION_PER_EXPERT,
        ROUTING,
        ROUTING_EPOCHS,
        ROUTING_LR,
    ],
    plan,
};

fn plan(settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
    let knobs = &settings.method.knobs;
    let network = NetworkConfig {
        branches: Branches::Experts {
            count: EXPERTS.whole(knobs),
            // `reduce_dimension` of the public code.
            widths: settings.model.backbone.last_widths().map(|width| width / 4 * 3),
        },
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
        distillation: settings.method.teacher.as_ref().map(|_| Distillation {
            temperature: DISTILLATION_TEMPERATURE.real(knobs),
            weight: DISTILLATION_WEIGHT.real(knobs),
            teacher: None,
        }),
        per_expert: DISTILLATION_PER_EXPERT.is_on(knobs),
    };
    let stage = parts::stage(settings, parts::views(settings, 1), Box::new(objective));
    let mut stages = vec![Stage { name: "experts", ..stage }];
    if ROUTING.is_on(knobs) {
        stages.push(routing(settings, counts));
    }
    Plan { network, stages }
}

/// The gates alone, on class-balanced draws.
fn routing(settings: &Settings<'_>, counts: &ClassCounts) -> Stage {
    let knobs = &settings.method.knobs;
    let epochs = share_of(ROUTING_EPOCHS.real(knobs), settings.train.epochs).max(1);
    let images = counts.counts().iter().sum();
    let sampler = parts::sampler(settings, Sampling::ClassBalanced);
    let batch_size = (ROUTING_BATCHES * sampler.batch_size).min(images);
    Stage {
        name: "routing",
        start: ClassifierStart::Gates,
        trains: vec![Part::Gates],
        epochs,
        samplers: vec![SamplerConfig { batch_size, epochs, ..sampler }],
        schedule: Schedule::cosine(ROUTING_LR.real(knobs), epochs),
        ..parts::stage(settings, parts::views(settings, 1), Box::new(Routing))
    }
}

/// Gates, by whether one of the later experts mends what those so far get wrong.
#[derive(Debug)]
struct Routing;

impl Objective for Routing {
    fn losses(&self, network: &Network, draws: &[Draw], _: Moment) -> Result<Losses, LossError> {
        let Draw { images, labels } = only(draws)?;
        let mut statistics = BatchStatistics::default();
        let features = network.features(images.clone(), &mut Pass::Train(&mut statistics));
        let logits = network.expert_logits(features.clone());
        let Some(gates) = network.gates(features, &logits) else {
            return Err(LossError::State { reason: "the network has no gates".into() });
        };
        let total = expert_assignment(gates, &logits, labels, NEEDED_WEIGHT)?;
        Ok(Losses { parts: vec![("assignment", total.clone())], total, logits, statistics })
    }
}

#[derive(Debug)]
struct RideObjective {
    ride: Ride,
    counts: ClassCounts,
    beta: f64,
    temperature_factor: f64,
    /// When weights and temperatures begin.
    deferred: Deferred,
    /// `None` without a teacher.
    distillation: Option<Distillation>,
    /// Whether the loss with a teacher is added once per expert.
    per_expert: bool,
}

impl RideObjective {
    fn reweighting(&self, moment: Moment) -> Result<Option<RideReweighting>, LossError> {
        let made = || RideReweighting::new(&self.counts, self.beta, self.temperature_factor);
        self.deferred.has_begun(moment).then(made).transpose()
    }
}

impl Objective for RideObjective {
    fn learn_from(&mut self, teacher: &Teacher) -> bool {
        let Some(distillation) = &mut self.distillation else { return false };
        distillation.teacher = Some(teacher.clone());
        true
    }

    fn before_epoch(
        &mut self,
        moment: Moment,
        _: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        Ok(self.deferred.said_before(moment))
    }

    /// Margins are not counted.
    fn class_factors(&self, moment: Moment) -> Option<Vec<f64>> {
        self.reweighting(moment).ok().flatten().map(|after| after.class_weights)
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
        let mut parts = vec![("margin", loss.ldam.clone()), ("diversity", loss.diversity.clone())];
        let mut total = loss.total();
        if let Some(distillation) = &self.distillation {
            let taught = distillation.loss(mean_of(&experts), images.clone())?;
            parts.push(("distillation", taught.clone()));
            let times = if self.per_expert { experts.len() as f64 } else { 1.0 };
            total = (total + taught.mul_scalar(distillation.weight)).mul_scalar(times);
        }
        Ok(Losses { total, parts, logits: experts, statistics })
    }
}
