//! What was typed, and what it means.

mod error;

pub use error::RecipeError;
