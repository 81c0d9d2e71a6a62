//! Validation and test images that cannot be read any more: no training is lost over them.

use std::sync::Arc;

use burn::module::Module;

use super::{Observer, TrainError, Trainer};
use crate::{
    data::{Part, Sets},
    eval::{Evaluation, readable},
};

impl Trainer {
    /// What `figures` gives. If it fails on validation or test images that cannot be read, these are left out from then on,
    /// and it is asked again.
    ///
    /// # Errors
    /// What `figures` says, also where no image of a part can be read.
    pub(crate) fn of_readable<T>(
        &mut self,
        figures: impl Fn(&Self) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        loop {
            match figures(self) {
                Err(error @ TrainError::Image(_)) if !self.leave_out_unreadable() => {
                    return Err(error);
                }
                Err(TrainError::Image(_)) => {}
                done => return done,
            }
        }
    }

    /// Figures on validation images after an epoch, with a word on those that are left out from then on.
    pub(super) fn validate(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<Option<Evaluation>, TrainError> {
        let before = self.left_out.clone();
        let val = self.of_readable(|trainer| {
            trainer.evaluate(&trainer.learner.network.valid(), trainer.sets.val.as_ref())
        })?;
        if let Some(left_out) = self.left_out.as_ref().filter(|_| self.left_out != before) {
            let said = left_out.to_sentence();
            observer.note(&said);
            let note = self.progress.sums.note.take().into_iter().chain([said]);
            self.progress.sums.note = Some(note.collect::<Vec<_>>().join("; "));
        }
        Ok(val)
    }

    /// Takes the images that cannot be read out of the parts that do not train. Whether some were, and no part lost all.
    fn leave_out_unreadable(&mut self) -> bool {
        let (val, test) = (self.sets.val.as_ref(), self.sets.test.as_ref());
        let (Ok((val, of_val)), Ok((test, of_test))) = (look(val), look(test)) else {
            return false;
        };
        if of_val.is_empty() && of_test.is_empty() {
            return false;
        }
        let left_out = self.left_out.get_or_insert_default();
        left_out.val += of_val.len();
        left_out.test += of_test.len();
        left_out.files.extend([of_val, of_test].concat());
        self.sets = Arc::new(Sets { val, test, ..Sets::clone(&self.sets) });
        true
    }
}

/// What is left of a part, and why images of it cannot be read; nothing of one that loses all.
fn look(part: Option<&Part>) -> Result<(Option<Part>, Vec<String>), ()> {
    let Some(Part { images, indices }) = part else { return Ok((None, Vec::new())) };
    let (indices, reasons) = readable(images, indices);
    match indices.is_empty() {
        true => Err(()),
        false => Ok((Some(Part { images: Arc::clone(images), indices }), reasons)),
    }
}

/// What `measure` gives of a part that does not train, without its images that cannot be read.
pub(super) fn measured<T, E>(part: &Part, measure: impl Fn(&Part) -> Result<T, E>) -> Result<T, E> {
    let error = match measure(part) {
        Err(error) => error,
        done => return done,
    };
    match look(Some(part)) {
        Ok((Some(part), reasons)) if !reasons.is_empty() => measure(&part),
        _ => Err(error),
    }
}
