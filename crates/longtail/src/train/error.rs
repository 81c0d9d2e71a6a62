/// A run that cannot start, continue or be saved.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {}
