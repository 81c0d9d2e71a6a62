use std::time::Instant;

use burn::{module::Module, tensor::Device};
use serde::Serialize;

use super::{Fits, Learner, Limits, Measured, TrainError, setup};
use crate::{
    batch::Position,
    data::{Part, Sets},
    device,
    eval::predict,
    loss::{ClassCounts, Moment, Teacher},
    method::{Plan, Planner, Stage},
    recipe::Recipe,
};

/// Steps before those that are timed: the first ones make memory that the others use again.
const WARM_UP: usize = 2;
/// Steps that are timed, where that does not take too long.
const TIMED: usize = 5;
/// Seconds of steps, in which at least one is timed.
const PATIENCE: f64 = 60.0;
/// Most images whose evaluation is timed.
const EVALUATED: usize = 1000;

/// What a run will take, measured on its first steps, which change nothing outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Parameters that are trained.
    pub parameters: usize,
    /// Images of a step.
    pub batch_size: usize,
    /// Images that a step works off at a time; 0: all.
    pub micro_batch: usize,
    /// Views of every image.
    pub views: usize,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Steps of the whole run.
    pub steps: u64,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Median time of a step with its data.
    pub step_seconds: f64,
    /// Training images per second.
    pub images_per_second: f64,
    /// Time of an epoch with its validation.
    pub epoch_seconds: f64,
    /// Time of all steps, validations and the evaluation at the end.
    pub run_seconds: f64,
    /// Most memory that the process has held, in bytes; `None` where the system does not tell.
    pub peak_memory: Option<u64>,
    /// What fits into memory by the estimate that runs are refused by; `None` where that is not known.
    pub fits: Option<Fits>,
}

impl Forecast {
    /// Of the run that this recipe makes of this data. Takes as long as a few steps do.
    ///
    /// # Errors
    /// [`TrainError`] for settings that do not fit the data.
    pub fn measure(
        planner: &Planner,
        recipe: &Recipe,
        sets: Sets,
        teacher: Option<Teacher>,
        limits: Limits,
        device: Device,
    ) -> Result<Self, TrainError> {
        let counts = ClassCounts::new(sets.train_counts.clone())?;
        let mut plan = planner.plan(&recipe.settings(), &counts)?;
        teacher.iter().for_each(|teacher| {
            plan.learn_from(&teacher.clone().given(&setup::normalize(recipe)));
        });
        let mut learner = Learner::new(&plan, recipe.train.seed, device)?;
        let stages = StageForecast::all(&plan, recipe, &sets, &mut learner)?;
        let evaluate = |part: Option<&Part>| evaluation_seconds(recipe, &learner, part);
        let (val, test) = (evaluate(sets.val.as_ref())?, evaluate(sets.test.as_ref())?);
        let Some((first, stage)) = stages.first().zip(plan.stages.first()) else {
            return Err(TrainError::NoStage);
        };
        let whole = stages.iter().map(StageForecast::steps).sum();
        let steps = limits.max_steps.map_or(whole, |max| max.min(whole));
        let (seconds, epochs_begun) = StageForecast::until(&stages, steps);
        // Both the last and the best weights are evaluated on both sets.
        let end = 2.0 * (val + test);
        Ok(Self {
            parameters: learner.network.num_params(),
            batch_size: stage.batch_size(),
            micro_batch: stage.micro_batch,
            views: stage.views.len(),
            steps_per_epoch: first.steps_per_epoch,
            steps,
            epochs: plan.epochs(),
            step_seconds: first.step_seconds,
            images_per_second: stage.batch_size() as f64 / first.step_seconds,
            epoch_seconds: first.steps_per_epoch as f64 * first.step_seconds + val,
            run_seconds: seconds + epochs_begun * val + end,
            peak_memory: device::peak_memory(learner.device()),
            fits: None,
        })
    }
}

/// What a stage will take.
struct StageForecast {
    steps_per_epoch: usize,
    epochs: usize,
    step_seconds: f64,
}

impl StageForecast {
    fn all(
        plan: &Plan,
        recipe: &Recipe,
        sets: &Sets,
        learner: &mut Learner,
    ) -> Result<Vec<Self>, TrainError> {
        let of = |(number, stage): (usize, &Stage)| {
            learner.begin_stage(stage, number, recipe.train.seed);
            Self::measure(stage, recipe, sets, learner)
        };
        plan.stages.iter().enumerate().map(of).collect()
    }

    fn measure(
        stage: &Stage,
        recipe: &Recipe,
        sets: &Sets,
        learner: &mut Learner,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            steps_per_epoch: setup::steps_per_epoch(stage, sets),
            epochs: stage.epochs,
            step_seconds: match stage.epochs {
                0 => 0.0,
                _ => step_seconds(stage, recipe, sets, learner)?,
            },
        })
    }

    fn steps(&self) -> u64 {
        (self.steps_per_epoch * self.epochs) as u64
    }

    /// Seconds of the first `steps` steps, and the epochs that they begin.
    fn until(stages: &[Self], mut steps: u64) -> (f64, f64) {
        let (mut seconds, mut epochs) = (0.0, 0.0);
        for stage in stages {
            let done = stage.steps().min(steps);
            steps -= done;
            seconds += done as f64 * stage.step_seconds;
            epochs += (done as f64 / stage.steps_per_epoch.max(1) as f64).ceil();
        }
        (seconds, epochs)
    }
}

/// The median over some steps behind the running loader.
fn step_seconds(
    stage: &Stage,
    recipe: &Recipe,
    sets: &Sets,
    learner: &mut Learner,
) -> Result<f64, TrainError> {
    let start = Position { epoch: 0, batch: 0 };
    let loader = setup::loader(recipe, stage, 0, sets, start)?;
    let moment = Moment { epoch: 0, epochs: stage.epochs };
    let images = &sets.train.images;
    let size = [images.height(), images.width()];
    let mut times = Vec::with_capacity(WARM_UP + TIMED);
    let begun = Instant::now();
    while times.len() < WARM_UP + TIMED {
        let began = Instant::now();
        let batch = loader.next_batch()?;
        Measured::read_all(&[learner.step(stage, moment, batch.draws, size)?]);
        times.push(began.elapsed().as_secs_f64());
        if times.len() > 1 && begun.elapsed().as_secs_f64() > PATIENCE {
            break;
        }
    }
    // Slow steps are few, and the first of them is left out alone.
    let first = WARM_UP.min(times.len() - 1);
    let times = &mut times[first..];
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Time to evaluate a part, from that of some of its images.
fn evaluation_seconds(
    recipe: &Recipe,
    learner: &Learner,
    part: Option<&Part>,
) -> Result<f64, TrainError> {
    let Some(part) = part.filter(|part| !part.indices.is_empty()) else { return Ok(0.0) };
    let some = &part.indices[..part.indices.len().min(EVALUATED)];
    let device = learner.device().clone().inner();
    let (network, normalize) = (learner.network.valid(), setup::normalize(recipe));
    if !device::is_cpu(&device) {
        // The first time it tunes its operators.
        predict(&network, &part.images, some, &normalize, &device)?;
    }
    let began = Instant::now();
    predict(&network, &part.images, some, &normalize, &device)?;
    Ok(began.elapsed().as_secs_f64() * part.indices.len() as f64 / some.len() as f64)
}
