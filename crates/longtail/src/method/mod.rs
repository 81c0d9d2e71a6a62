//! The systems that a table row can name, one per file: what is trained, on which views, for which losses, in which
//! order.

mod balanced_softmax;
mod bbn;
mod bcl;
mod bcl_rcl;
mod cb_focal;
mod ce;
mod compute;
mod crt;
mod decoupled;
mod deferred;
mod knob;
mod la;
mod ldam_drw;
mod lws;
mod ncm;
mod options;
pub mod parts;
mod plan;
mod planner;
mod rcl;
mod ride;
mod scl;
mod tau_norm;

use serde::{Deserialize, Serialize};

pub use compute::{ComputeClassifier, Features, FeaturesOf};
pub use knob::{Knob, KnobError, KnobValue, Knobs, Range, checked, identifying};
pub use options::{MethodSection, MethodTyped, Settings, Train, TrainTyped};
pub use plan::{Place, Plan, Stage};
pub use planner::{OwnMethod, Planner, PlannerError};

use crate::loss::{ClassCounts, Contrastive};

/// A training method by the name it has on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Plain cross entropy.
    #[serde(rename = "ce")]
    Ce,
    /// Logit-adjusted cross entropy.
    #[serde(rename = "la")]
    La,
    /// Balanced softmax.
    #[serde(rename = "balanced-softmax")]
    BalancedSoftmax,
    /// Logit-adjusted classifier and supervised contrastive loss.
    #[serde(rename = "scl")]
    Scl,
    /// Logit-adjusted classifier and balanced contrastive loss.
    #[serde(rename = "bcl")]
    Bcl,
    /// Logit-adjusted classifier and rebalanced contrastive loss.
    #[serde(rename = "rcl")]
    Rcl,
    /// Logit-adjusted classifier and the rebalanced loss on the balanced one.
    #[serde(rename = "bcl+rcl")]
    BclRcl,
    /// Margins from class counts, with deferred re-weighting.
    #[serde(rename = "ldam-drw")]
    LdamDrw,
    /// Class-balanced focal loss.
    #[serde(rename = "cb-focal")]
    CbFocal,
    /// Cross entropy, then a new classifier with class-balanced sampling.
    #[serde(rename = "crt")]
    Crt,
    /// Cross entropy, then one scale per class.
    #[serde(rename = "lws")]
    Lws,
    /// Cross entropy, then class vectors towards equal length.
    #[serde(rename = "tau-norm")]
    TauNorm,
    /// Cross entropy, then the nearest class mean.
    #[serde(rename = "ncm")]
    Ncm,
    /// Diverse experts on a common trunk.
    #[serde(rename = "ride")]
    Ride,
    /// Two branches with a cumulative switch.
    #[serde(rename = "bbn")]
    Bbn,
}

/// What a method is.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The name on the command line.
    pub name: &'static str,
    /// The rows of the paper's tables it stands for.
    pub rows: &'static str,
    /// The contrastive loss that `[contrastive]` begins with, at temperature .1; `None` without a contrastive branch.
    pub contrastive: Option<Contrastive>,
    /// The method of one stage that its first stage is, so that a run of that can be taken for it.
    pub first_stage: Option<Method>,
    /// The settings that it alone has.
    pub knobs: &'static [Knob],
    /// What is trained, in which order.
    pub plan: fn(&Settings<'_>, &ClassCounts) -> Plan,
}

impl Method {
    /// Every method, in the order of the paper's tables.
    pub const ALL: [Self; 15] = [
        Self::Ce,
        Self::La,
        Self::BalancedSoftmax,
        Self::Scl,
        Self::Bcl,
        Self::Rcl,
        Self::BclRcl,
        Self::LdamDrw,
        Self::CbFocal,
        Self::Crt,
        Self::Lws,
        Self::TauNorm,
        Self::Ncm,
        Self::Ride,
        Self::Bbn,
    ];

    /// What the method is.
    pub const fn definition(self) -> Definition {
        match self {
            Self::Ce => ce::DEFINITION,
            Self::La => la::DEFINITION,
            Self::BalancedSoftmax => balanced_softmax::DEFINITION,
            Self::Scl => scl::DEFINITION,
            Self::Bcl => bcl::DEFINITION,
            Self::Rcl => rcl::DEFINITION,
            Self::BclRcl => bcl_rcl::DEFINITION,
            Self::LdamDrw => ldam_drw::DEFINITION,
            Self::CbFocal => cb_focal::DEFINITION,
            Self::Crt => crt::DEFINITION,
            Self::Lws => lws::DEFINITION,
            Self::TauNorm => tau_norm::DEFINITION,
            Self::Ncm => ncm::DEFINITION,
            Self::Ride => ride::DEFINITION,
            Self::Bbn => bbn::DEFINITION,
        }
    }

    /// What the settings train on classes of `class_counts` images.
    pub fn plan(settings: &Settings<'_>, class_counts: &ClassCounts) -> Plan {
        (settings.method.name.definition().plan)(settings, class_counts)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition().name)
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.definition().name == name).ok_or_else(|| {
            let names = Self::ALL.map(|method| method.definition().name).join(", ");
            format!("there is no method \"{name}\"; the methods are {names}")
        })
    }
}

/// Temperature of every CIFAR row (`docs/method.md`).
const TEMPERATURE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, RecipeFile};

    /// The recipe of a method on CIFAR-10-LT with `more` laid over it.
    pub(super) fn recipe(method: &str, more: &str) -> Recipe {
        let base = format!("data.name = \"cifar10-lt\"\nmethod.name = \"{method}\"\n");
        let layers = [&base, more].map(|text| RecipeFile::parse(text, "a test").unwrap());
        Recipe::resolve(&layers).unwrap().0
    }

    #[test]
    fn names_parse_back() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse(), Ok(method));
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(json, format!("\"{method}\""));
        }
        assert!("rcl+bcl".parse::<Method>().unwrap_err().contains("bcl+rcl"));
    }
}
