use super::{ApplyTo, Compression, Criterion, Moment};
use crate::{choice::choice, counted::counted};

choice! {
    /// How often the low-accuracy classes are chosen.
    Reevaluate {
        /// Once, when compression starts.
        Once = "once",
        /// Before every epoch from then on.
        EveryEpoch = "every-epoch",
    }
}

/// When compression starts, which classes it takes for low-accuracy ones, and what it does to them (§3.3.2).
///
/// ```
/// use longtail::loss::{ApplyTo, CompressionSwitch, Criterion, Moment, Reevaluate};
///
/// let switch = CompressionSwitch {
///     start: 100,
///     low: 0.005,
///     rest: 1.0,
///     threshold: 0.2,
///     reevaluate: Reevaluate::Once,
///     criterion: Criterion::Val,
///     apply_to: ApplyTo::Both,
///     prototypes: true,
/// };
/// assert!(switch.is_due(Moment { epoch: 100, epochs: 200 }, false));
/// let chosen = switch.low_accuracy_classes(&[Some(0.9), Some(0.1), None]);
/// assert_eq!(chosen, [1]);
/// assert_eq!(switch.compression(&chosen, 3).factors, [1.0, 0.005, 1.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CompressionSwitch {
    /// First epoch of the stage that is compressed, from 0.
    pub start: usize,
    /// Factor of the low-accuracy classes.
    pub low: f64,
    /// Factor of the other classes.
    pub rest: f64,
    /// Accuracy below which a class is a low-accuracy one, in [0, 1].
    pub threshold: f64,
    /// How often they are chosen.
    pub reevaluate: Reevaluate,
    /// Where accuracy is measured.
    pub criterion: Criterion,
    /// Which side of a similarity is scaled.
    pub apply_to: ApplyTo,
    /// Whether prototypes are scaled too.
    pub prototypes: bool,
}

impl CompressionSwitch {
    /// Whether the low-accuracy classes are chosen before the epoch of `moment` begins.
    pub fn is_due(&self, moment: Moment, chosen: bool) -> bool {
        moment.epoch >= self.start && (self.reevaluate == Reevaluate::EveryEpoch || !chosen)
    }

    /// Classes whose accuracy lies below the threshold; a class without an image is not judged.
    pub fn low_accuracy_classes(&self, per_class: &[Option<f64>]) -> Vec<u32> {
        let is_low = |accuracy: &Option<f64>| accuracy.is_some_and(|a| a < self.threshold);
        (0..per_class.len() as u32).filter(|&c| is_low(&per_class[c as usize])).collect()
    }

    /// The factors of all classes.
    pub fn compression(&self, low: &[u32], classes: usize) -> Compression {
        let factor = |class| if low.contains(&class) { self.low } else { self.rest };
        Compression {
            factors: (0..classes as u32).map(factor).collect(),
            apply_to: self.apply_to,
            prototypes: self.prototypes,
        }
    }

    /// One line for people: from when, by what, on which classes, measured on which `images`.
    pub fn describe(&self, names: &[&str], images: &str) -> String {
        let Self { start, low, rest, threshold, .. } = self;
        let threshold = threshold * 100.0;
        let names = match names {
            [] => "no class".to_owned(),
            names => names.join(", "),
        };
        format!(
            "compression after {}: factor {low} for classes below {threshold}% on {images} \
             ({names}), {rest} for the rest",
            counted(*start, "epoch", "epochs")
        )
    }
}
