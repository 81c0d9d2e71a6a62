use std::{fmt, sync::Arc};

use super::{Method, Plan, Settings};
use crate::loss::ClassCounts;

/// A method from outside the crate (`examples/own_method.rs`): what a variant of [`Method`] is to the crate.
pub trait OwnMethod: Send + Sync {
    /// What recipes, logs and reports call it, with the settings that its runs differ by, such as `mixup-ce 0.2`. A run
    /// goes on under the same name only.
    fn name(&self) -> String;

    /// What settings train on classes of `class_counts` images. `settings.method.name` lends the defaults of what other
    /// sections say; [`parts`](super::parts) makes stages and networks of these.
    ///
    /// The network and the numbers of epochs may depend on the settings and on how many classes there are, not on how
    /// many images: a checkpoint is read without them.
    fn plan(&self, settings: &Settings<'_>, class_counts: &ClassCounts) -> Plan;
}

/// What says what a recipe trains: the method that it names, or one from outside the crate.
#[derive(Clone, Default)]
pub struct Planner(Option<Arc<dyn OwnMethod>>);

/// A recipe of another method from outside the crate than the program has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlannerError {
    /// Of one that the program does not have.
    #[error("method \"{0}\" is not one of this program's: use the program that defines it")]
    Unknown(String),
    /// Of another one, or of a method of the crate's own.
    #[error("the method is \"{asked}\" where the program has \"{own}\"")]
    Other {
        /// The recipe's.
        asked: String,
        /// The program's.
        own: String,
    },
    /// A plan that cannot be followed.
    #[error("the plan of method \"{method}\" cannot be followed: {reason}")]
    Plan {
        /// Whose plan.
        method: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Planner {
    /// Plans by a method from outside, whatever method the settings name.
    pub fn own(method: impl OwnMethod + 'static) -> Self {
        Self(Some(Arc::new(method)))
    }

    /// The name of a method from outside.
    pub fn own_name(&self) -> Option<String> {
        self.0.as_ref().map(|method| method.name())
    }

    /// Refuses settings of another method than this one plans by.
    ///
    /// # Errors
    /// [`PlannerError::Unknown`], [`PlannerError::Other`].
    pub fn check(&self, settings: &Settings<'_>) -> Result<(), PlannerError> {
        match (settings.method.own.clone(), self.own_name()) {
            (None, None) => Ok(()),
            (Some(asked), None) => Err(PlannerError::Unknown(asked)),
            (Some(asked), Some(own)) if asked == own => Ok(()),
            (asked, Some(own)) => Err(PlannerError::Other {
                asked: asked.unwrap_or_else(|| settings.method.name.to_string()),
                own,
            }),
        }
    }

    /// What the settings train on classes of `class_counts` images.
    ///
    /// # Errors
    /// As [`Planner::check`]; [`PlannerError::Plan`] for a plan from outside that cannot be followed.
    pub fn plan(
        &self,
        settings: &Settings<'_>,
        class_counts: &ClassCounts,
    ) -> Result<Plan, PlannerError> {
        self.check(settings)?;
        let Some(method) = &self.0 else { return Ok(Method::plan(settings, class_counts)) };
        let plan = method.plan(settings, class_counts);
        match plan.fault(class_counts.classes()) {
            None => Ok(plan),
            Some(reason) => Err(PlannerError::Plan { method: method.name(), reason }),
        }
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Planner").field(&self.own_name()).finish()
    }
}
