//! How a split is drawn.

use std::collections::HashMap;

use super::{Holdout, Split, SplitRequest, VERSION};
use crate::data::{
    DataError, NumpyRng,
    imbalance::class_counts,
    inspect::Digest,
    listing::{Listed, Listing},
};

/// Classes with fewer images than this keep them all for training.
pub(super) const SMALLEST_HELD_OUT: usize = 4;
/// Training images that a held-out share leaves of a class at least.
const LEAST_LEFT: usize = 2;
/// From this many images per class on, 50 are held out by default, else 20.
const THOUSANDS: usize = 5000;

/// One class while the split is made.
struct Class {
    /// Its images in shuffled order; those that are held out stand at the end, first validation, then test.
    shuffled: Vec<u32>,
    selected: usize,
    val: usize,
    test: usize,
}

impl Split {
    /// Selects as the reference code does: one NumPy generator, classes in label order, every image
    /// of a class shuffled, the first n_c kept. Validation takes the last images of the shuffled
    /// order; where they are selected they leave the training set, and a note says so.
    ///
    /// Folders and lists rank their classes by size for the long-tailed rule, and hold out a share
    /// of each class: a fifth for testing if they bring no test set, a tenth (or what is asked for)
    /// for validation if they bring none; a class of fewer than 4 images gives none. Files that are the
    /// same to the byte stay together in one part.
    ///
    /// # Errors
    /// [`DataError`] for a factor or a hold-out that the source cannot give.
    pub fn make(
        listing: &Listing,
        request: &SplitRequest,
    ) -> Result<(Self, Vec<String>), DataError> {
        let seed =
            u32::try_from(request.seed).map_err(|_| DataError::SplitSeed { seed: request.seed })?;
        let mut split =
            Self { imbalance: request.imbalance, split_seed: request.seed, ..Self::empty(listing) };
        plan(listing, request, seed)?.into_iter().for_each(|class| split.add(class));
        split.hash = split.compute_hash();
        let notes = split.notes(listing, request);
        Ok((split, notes))
    }

    /// A split that trains nothing new: all images of the pool where they are what is looked at, else those that
    /// came beside it.
    pub(crate) fn of_part(listing: &Listing, is_pool: bool) -> Self {
        let mut split = Self::empty(listing);
        if is_pool {
            split.test = (0..listing.pool.labels.len() as u32).collect();
        }
        split.hash = split.compute_hash();
        split
    }

    /// Without an image in any part.
    fn empty(listing: &Listing) -> Self {
        Self {
            version: VERSION,
            data: listing.name.clone(),
            class_names: listing.class_names.clone(),
            imbalance: None,
            split_seed: 0,
            selected: Vec::new(),
            train: Vec::new(),
            val: Vec::new(),
            test: Vec::new(),
            content: listing.pool.content.clone(),
            val_content: listing.val.as_ref().map(|val| val.content.clone()),
            test_content: listing.test.as_ref().map(|test| test.content.clone()),
            by_names: listing.by_names,
            hash: String::new(),
        }
    }

    /// Distributes one class; the held-out images come from the end of its shuffled order.
    fn add(&mut self, class: Class) {
        let Class { shuffled, selected, val, test } = class;
        let end = shuffled.len();
        let (val_from, test_from) = (end - test - val, end - test);
        self.train.extend(&shuffled[..selected.min(val_from)]);
        self.val.extend(&shuffled[val_from..test_from]);
        self.test.extend(&shuffled[test_from..]);
        self.selected.push(shuffled[..selected].to_vec());
    }
}

/// Shuffles every class and decides how much of it goes where.
fn plan(listing: &Listing, request: &SplitRequest, seed: u32) -> Result<Vec<Class>, DataError> {
    let classes = listing.class_names.len();
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in listing.pool.labels.iter().enumerate() {
        members[label as usize].push(index as u32);
    }
    let available: Vec<usize> = members.iter().map(Vec::len).collect();
    let targets = targets(listing, &available, request.imbalance)?;
    let held_out = held_out(listing, request, &available, &targets)?;
    let mut rng = NumpyRng::new(seed);
    let mut plan = Vec::with_capacity(classes);
    for (label, mut shuffled) in members.into_iter().enumerate() {
        rng.shuffle(&mut shuffled);
        let (val, test) = held_out[label];
        plan.push(if listing.is_files {
            // Files are thinned first, so that what is held out comes from what was selected.
            shuffled.truncate(targets[label]);
            class_of_files(&listing.pool, shuffled, val, test)
        } else {
            Class { selected: targets[label].min(shuffled.len()), shuffled, val, test }
        });
    }
    Ok(plan)
}

/// Images that the long-tailed rule leaves of every class.
fn targets(
    listing: &Listing,
    available: &[usize],
    imbalance: Option<f64>,
) -> Result<Vec<usize>, DataError> {
    let Some(factor) = imbalance else { return Ok(available.to_vec()) };
    let n_max = available.iter().copied().max().unwrap_or(0);
    let mut order: Vec<usize> = (0..available.len()).collect();
    if listing.is_files {
        order.sort_by_key(|&label| std::cmp::Reverse(available[label]));
    }
    let ranked: Vec<(&str, usize)> = order
        .iter()
        .map(|&label| (listing.class_names[label].as_str(), available[label]))
        .collect();
    let counts = class_counts(n_max, &ranked, factor)?;
    let mut targets = vec![0; available.len()];
    for (rank, label) in order.into_iter().enumerate() {
        targets[label] = counts[rank].min(available[label]);
    }
    Ok(targets)
}

/// Validation and test images of every class.
///
/// # Errors
/// [`DataError::Holdout`] of the class that can give fewest, so that the number it names suits all; of a share, of the
/// first class.
fn held_out(
    listing: &Listing,
    request: &SplitRequest,
    available: &[usize],
    targets: &[usize],
) -> Result<Vec<(usize, usize)>, DataError> {
    let of_class = |label: usize| match listing.is_files {
        true => held_out_of_files(listing, request, targets[label], label),
        false => Ok((held_out_of_pool(listing, request, available[label], label)?, 0)),
    };
    let (mut held_out, mut strictest) = (Vec::with_capacity(targets.len()), None);
    for label in 0..targets.len() {
        match of_class(label) {
            Ok(counts) => held_out.push(counts),
            Err(error) if matches!(request.holdout, Holdout::Share(_)) => return Err(error),
            Err(error) => strictest = Some(stricter(strictest, error)),
        }
    }
    strictest.map_or(Ok(held_out), Err)
}

/// The error that leaves less; any other than of a hold-out before these.
fn stricter(before: Option<DataError>, error: DataError) -> DataError {
    let most = |error: &DataError| match error {
        DataError::Holdout { most, .. } => Some(*most),
        _ => None,
    };
    match before {
        Some(before) if most(&before) <= most(&error) => before,
        _ => error,
    }
}

/// Validation images of a class in a pool such as CIFAR's.
fn held_out_of_pool(
    listing: &Listing,
    request: &SplitRequest,
    available: usize,
    label: usize,
) -> Result<usize, DataError> {
    let val = match request.holdout {
        Holdout::None => 0,
        Holdout::Auto if listing.val.is_some() => 0,
        Holdout::Auto if available >= THOUSANDS => 50,
        Holdout::Auto => 20,
        Holdout::PerClass(_) | Holdout::Share(_) if listing.val.is_some() => {
            return Err(DataError::OwnValidation { data: listing.name.clone() });
        }
        Holdout::PerClass(count) => count,
        Holdout::Share(share) => share_of(available, share),
    };
    if val >= available {
        return Err(too_many(listing, label, val, available, available));
    }
    Ok(val)
}

/// Validation and test images of a class of `count` selected files.
fn held_out_of_files(
    listing: &Listing,
    request: &SplitRequest,
    count: usize,
    label: usize,
) -> Result<(usize, usize), DataError> {
    if listing.val.is_some() && matches!(request.holdout, Holdout::PerClass(_) | Holdout::Share(_))
    {
        return Err(DataError::OwnValidation { data: listing.name.clone() });
    }
    if count < SMALLEST_HELD_OUT {
        return Ok((0, 0));
    }
    let test = if listing.test.is_none() { share_of(count, 0.2) } else { 0 };
    let val = match (request.holdout, &listing.val) {
        (Holdout::None, _) | (_, Some(_)) => 0,
        (Holdout::Auto, None) => share_of(count, 0.1),
        (Holdout::Share(share), None) => share_of(count, share),
        (Holdout::PerClass(val), None) => val,
    };
    if val > 0 && val + test + LEAST_LEFT > count {
        return Err(too_many(listing, label, val, count, count - test));
    }
    Ok((val, test))
}

fn too_many(
    listing: &Listing,
    label: usize,
    val: usize,
    available: usize,
    left: usize,
) -> DataError {
    let class = listing.class_names[label].clone();
    DataError::Holdout { val, class, available, most: left.saturating_sub(LEAST_LEFT) }
}

/// A share of `count`, rounded to the nearest, at least 1.
fn share_of(count: usize, share: f64) -> usize {
    ((count as f64 * share + 0.5).floor() as usize).max(1)
}

/// A class of files in which copies stand together, so that no part ends between two of them.
fn class_of_files(pool: &Listed, shuffled: Vec<u32>, val: usize, test: usize) -> Class {
    let mut groups = grouped(pool, &shuffled);
    let selected = shuffled.len();
    // From the end, as without copies; what is left trains, and one group always does.
    let (mut held_test, mut held_val) = (Vec::new(), Vec::new());
    take(&mut groups, &mut held_test, test);
    take(&mut groups, &mut held_val, val);
    let (val, test) = (held_val.len(), held_test.len());
    let shuffled = groups.concat().into_iter().chain(held_val).chain(held_test).collect();
    Class { shuffled, selected, val, test }
}

/// The images in their order, each with its copies right behind it.
fn grouped(pool: &Listed, shuffled: &[u32]) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut places: HashMap<&Digest, usize> = HashMap::new();
    // From the end, where what is held out stands, so that images without copies keep their places.
    for &index in shuffled.iter().rev() {
        match pool.digests.get(index as usize) {
            Some(digest) => match places.get(digest) {
                Some(&place) => groups[place].insert(0, index),
                None => {
                    places.insert(digest, groups.len());
                    groups.push(vec![index]);
                }
            },
            None => groups.push(vec![index]),
        }
    }
    groups.reverse();
    groups
}

/// Moves whole groups from the end of `groups` to the front of `part` until it has `count` images, or nearly: a group
/// that would overshoot by more than is missing stays, and one group always trains.
fn take(groups: &mut Vec<Vec<u32>>, part: &mut Vec<u32>, count: usize) {
    while part.len() < count && groups.len() > 1 {
        let missing = count - part.len();
        let Some(place) = groups.iter().rposition(|group| group.len() <= 2 * missing) else {
            return;
        };
        part.splice(0..0, groups.remove(place));
    }
}
