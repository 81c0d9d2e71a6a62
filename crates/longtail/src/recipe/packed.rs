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
    let unwritable = |error: toml::ser::Error| wrong(error.to_string());
    let packed = toml::Table::try_from(&header.data).map_err(unwritable)?;
    let mut typed = toml::Table::try_from(&layer.data).map_err(unwritable)?;
    typed.remove("name");
    if let Some((key, _)) = typed.iter().find(|(key, value)| packed.get(*key) != Some(value)) {
        let own = packed.get(key).map(ToString::to_string).unwrap_or_default();
        let mend = format!("the pack holds one split, made with {key} = {own}: leave {key} out");
        return Err(wrong(mend));
    }
    let mut layer = layer.clone();
    layer.data = packed.try_into::<DataTyped>().map_err(|error| wrong(error.to_string()))?;
    layer.data.dir = Some(name.into());
    Ok(layer)
}
