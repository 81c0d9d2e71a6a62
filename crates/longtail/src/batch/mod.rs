//! Which images make a batch, and the views of them, made ahead of the step.
