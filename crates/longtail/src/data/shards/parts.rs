//! Parts that a column of a Parquet file puts its rows into.

use super::{Read, fault};
use crate::data::{DataError, folder::PartName};

/// Training, validation and test images where their columns put them, if they have one, else where their files' names do.
/// A file of validation or test images whose column says another part is refused.
pub(super) fn obey(parts: [Vec<Read>; 3]) -> Result<[Vec<Read>; 3], DataError> {
    let mut sorted: [Vec<Read>; 3] = Default::default();
    for (part, files) in PartName::ALL.into_iter().zip(parts) {
        for Read { path, class_names, found } in files {
            let is_other = |other: PartName| part != PartName::Train && other != part;
            let odd = found.iter().find(|found| found.part.is_some_and(is_other));
            if let Some((odd, other)) = odd.and_then(|odd| Some((odd, odd.part?))) {
                let reason = format!(
                    "its name says that it is of the part {part}, and its column of parts that {} is of {other}: call it \
                     otherwise, or leave the column out",
                    odd.name
                );
                return Err(fault(&path, reason));
            }
            let mut of_parts: [Vec<_>; 3] = Default::default();
            for found in found {
                of_parts[found.part.unwrap_or(part) as usize].push(found);
            }
            for (place, found) in of_parts.into_iter().enumerate() {
                // A file that holds nothing of its own part is told as such.
                if !found.is_empty() || place == part as usize {
                    let (path, class_names) = (path.clone(), class_names.clone());
                    sorted[place].push(Read { path, class_names, found });
                }
            }
        }
    }
    Ok(sorted)
}
