/// A recipe or option that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {}
