//! Accuracy by class and by group.
