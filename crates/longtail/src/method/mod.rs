//! The systems that a table row can name, one per file: which views, which losses, which heads.

mod balanced_softmax;
mod bcl;
mod bcl_rcl;
mod ce;
mod la;
mod rcl;
mod scl;

use serde::{Deserialize, Serialize};

use crate::loss::Contrastive;

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
}

/// Which cross entropy the classifier is trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassifierLoss {
    /// [`crate::loss::cross_entropy`].
    CrossEntropy,
    /// [`crate::loss::balanced_softmax`], Eq. 1.
    BalancedSoftmax,
    /// [`crate::loss::logit_adjusted`], Eq. 2.
    LogitAdjusted,
}

/// What a method consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MethodSpec {
    /// The name on the command line.
    pub name: &'static str,
    /// The rows of the paper's tables it stands for.
    pub rows: &'static str,
    /// The classifier's loss.
    pub classifier_loss: ClassifierLoss,
    /// The contrastive branch: two SimAugment views beside the classifier's; `None` without one.
    pub contrastive: Option<Contrastive>,
}

impl Method {
    /// Every method, in the order of the paper's tables.
    pub const ALL: [Self; 7] =
        [Self::Ce, Self::La, Self::BalancedSoftmax, Self::Scl, Self::Bcl, Self::Rcl, Self::BclRcl];

    /// What the method consists of, at contrastive temperature .1.
    pub const fn spec(self) -> MethodSpec {
        match self {
            Self::Ce => ce::SPEC,
            Self::La => la::SPEC,
            Self::BalancedSoftmax => balanced_softmax::SPEC,
            Self::Scl => scl::SPEC,
            Self::Bcl => bcl::SPEC,
            Self::Rcl => rcl::SPEC,
            Self::BclRcl => bcl_rcl::SPEC,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec().name)
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.spec().name == name).ok_or_else(|| {
            let names = Self::ALL.map(|method| method.spec().name).join(", ");
            format!("there is no method \"{name}\"; the methods are {names}")
        })
    }
}

/// Temperature of every CIFAR row (`docs/method.md`).
const TEMPERATURE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

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
