//! A pack in the place of what it was made of.

use std::path::Path;

use super::{DataTyped, RecipeError, RecipeFile};
use crate::data::pack;

/// The layer; where it names a pack, with the section of the recipe that the pack was made of, and the
/// pack as the place of the files.
///
/// # Errors
/// [`RecipeError::Value`] for a pack that cannot be read, and for a value that contradicts it.
pub(super) fn unpacked(layer: &RecipeFile) -> Result<RecipeFile, RecipeError> {
    let named = layer.data.name.as_ref().filter(|name| pack::is_pack(Path::new(name)));
    let Some(name) = named else { return Ok(layer.clone()) };
    let wrong = |reason: String| RecipeError::value("data.name", name, reason);
    let header = pack::header(Path::new(name)).map_err(|error| wrong(error.to_string()))?;
    let typed = DataTyped { name: None, ..layer.data.clone() };
    header.check(&typed).map_err(wrong)?;
    let mut layer = layer.clone();
    layer.data = DataTyped { dir: Some(name.into()), ..header.data };
    Ok(layer)
}
