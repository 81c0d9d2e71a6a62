use std::time::{Duration, Instant};

use super::{Measured, StepLosses};

/// Steps of a GPU between two looks at their losses: a look waits until the GPU has done all its work.
const UNREAD: usize = 50;

/// After this long a look is due all the same, so that a slow GPU shows signs of life.
const SILENCE: Duration = Duration::from_secs(2);

/// The steps since their losses were last read.
#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    waited: f64,
    steps: Vec<(Measured, Seen)>,
    was_read: bool,
}

/// The training images that a step saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// In all draws.
    pub images: usize,
    /// In the first one, whose right ones are counted.
    pub classified: usize,
}

/// A step and the training images that it saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadStep {
    pub losses: StepLosses,
    pub seen: Seen,
}

/// What the steps of a window come to.
#[derive(Debug)]
pub(super) struct Reading {
    /// In order.
    pub steps: Vec<ReadStep>,
    /// Seconds from the first step's batch to the last step's losses.
    pub seconds: f64,
    /// Seconds of them that were spent waiting for batches.
    pub waited: f64,
}

impl Window {
    /// Runs `wait`, which gives a step its batch.
    pub fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.began.get_or_insert(began);
        let batch = wait();
        self.waited += began.elapsed().as_secs_f64();
        batch
    }

    /// Notes a step on the images that it has `seen`.
    pub fn push(&mut self, step: Measured, seen: Seen) {
        self.steps.push((step, seen));
    }

    /// Whether the steps should be read: at once where that takes no waiting, and the first one alone.
    pub fn is_full(&self) -> bool {
        self.is_full_after(self.began.map_or(Duration::ZERO, |began| began.elapsed()))
    }

    fn is_full_after(&self, silence: Duration) -> bool {
        let Some((last, _)) = self.steps.last() else { return false };
        let waits = last.is_on_device() && self.was_read;
        !waits || self.steps.len() >= UNREAD || silence > SILENCE
    }

    /// Reads the steps and empties the window; `None` if there are none.
    pub fn read(&mut self) -> Option<Reading> {
        let window = std::mem::replace(self, Self { was_read: true, ..Self::default() });
        let began = window.began.filter(|_| !window.steps.is_empty())?;
        let (steps, seen): (Vec<_>, Vec<_>) = window.steps.into_iter().unzip();
        let losses = Measured::read_all(&steps);
        let steps = losses.into_iter().zip(seen);
        let steps = steps.map(|(losses, seen)| ReadStep { losses, seen }).collect();
        let seconds = began.elapsed().as_secs_f64();
        Some(Reading { steps, seconds, waited: window.waited })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn on_device(parts: &[&'static str], values: &[f32]) -> Measured {
        let values = Box::new(Tensor::from_floats(values, &Device::flex()));
        Measured::OnDevice { parts: parts.to_vec(), values }
    }

    fn here(total: f64, correct: u64) -> Measured {
        Measured::Here(StepLosses { total, parts: vec![("classifier", 4.0)], correct })
    }

    fn seen(images: usize) -> Seen {
        Seen { images, classified: images }
    }

    #[test]
    fn every_step_keeps_its_losses_and_its_images() {
        let mut window = Window::default();
        assert!(!window.is_full() && window.read().is_none());
        let steps = [
            (on_device(&["classifier"], &[3.0, 1.0, 2.0]), seen(4)),
            (here(9.0, 7), Seen { images: 16, classified: 8 }),
            (on_device(&["classifier", "contrastive"], &[5.0, 1.5, 2.0, 1.0]), seen(1)),
        ];
        for (step, seen) in steps {
            window.wait(|| ());
            window.push(step, seen);
        }
        let reading = window.read().unwrap();
        let told: Vec<_> = reading
            .steps
            .iter()
            .map(|s| (s.losses.total, s.losses.parts.clone(), s.losses.correct, s.seen))
            .collect();
        let both = vec![("classifier", 1.5), ("contrastive", 2.0)];
        let expected = [
            (3.0, vec![("classifier", 1.0)], 2, seen(4)),
            (9.0, vec![("classifier", 4.0)], 7, Seen { images: 16, classified: 8 }),
            (5.0, both, 1, seen(1)),
        ];
        assert_eq!(told, expected);
        assert!(reading.waited <= reading.seconds);
        assert!(window.read().is_none(), "they are read once");
    }

    #[test]
    fn a_gpus_steps_are_read_seldom_and_a_cpus_at_once() {
        let mut window = Window::default();
        let mut full_after = |step: Measured, silence: Duration| {
            window.wait(|| ());
            window.push(step, seen(1));
            let full = window.is_full_after(silence);
            if full {
                window.read();
            }
            full
        };
        let step = || on_device(&["classifier", "contrastive"], &[1.0; 4]);
        assert!(full_after(step(), Duration::ZERO), "the first step alone");
        for _ in 0..2 {
            let full: Vec<bool> = (0..UNREAD).map(|_| full_after(step(), Duration::ZERO)).collect();
            assert_eq!(full.iter().position(|full| *full), Some(UNREAD - 1));
        }
        assert!(!full_after(step(), SILENCE) && full_after(step(), 2 * SILENCE));
        let here = || here(1.0, 0);
        assert!(full_after(here(), Duration::ZERO) && full_after(here(), Duration::ZERO));
    }
}
