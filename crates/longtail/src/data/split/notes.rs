//! What a person should know about a split.

use std::collections::HashSet;

use super::{Holdout, Split, SplitRequest, make::SMALLEST_HELD_OUT};
use crate::data::{inspect::contradicting, listing::Listing};

/// Classes that a note names.
const NAMED: usize = 8;

impl Split {
    /// What a person should know about the split, one sentence each.
    pub(super) fn notes(&self, listing: &Listing, request: &SplitRequest) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.held_out(listing, request));
        notes.extend(self.untested(listing));
        notes.extend(self.unvalidated(listing, request));
        if listing.is_files {
            notes.extend(self.copies(listing));
        }
        notes
    }

    /// On selected images that do not train.
    fn held_out(&self, listing: &Listing, request: &SplitRequest) -> Option<String> {
        let labels = &listing.pool.labels;
        let train: HashSet<u32> = self.train.iter().copied().collect();
        let held_out: HashSet<u32> = self
            .selected
            .iter()
            .flatten()
            .copied()
            .filter(|index| !train.contains(index))
            .collect();
        let of = |part: &[u32]| -> Vec<u32> {
            part.iter().copied().filter(|index| held_out.contains(index)).collect()
        };
        let (val, test) = (of(&self.val), of(&self.test));
        let counts = self.counts(&[&val[..], &test].concat(), labels);
        let classes = counts.iter().zip(&self.class_names).filter(|(count, _)| **count > 0);
        let classes = listed(classes.map(|(count, name)| format!("{name} {count}")).collect());
        let left = match request.holdout {
            Holdout::None => "",
            _ => "; --val none trains on those that validate",
        };
        said_of_held_out([val.len(), test.len()], &classes, left)
    }

    /// On classes that no test image covers.
    fn untested(&self, listing: &Listing) -> Option<String> {
        let classes = self.class_names.len();
        let counts = match (&listing.test, self.test.is_empty()) {
            (Some(test), true) => test.class_counts(classes),
            (_, false) => self.counts(&self.test, &listing.pool.labels),
            (None, true) => return None,
        };
        let (which, names, them) = self.without_images(&counts, "test")?;
        let why = match listing.test {
            None => format!(" (a class of fewer than {SMALLEST_HELD_OUT} images gives none away)"),
            Some(_) => String::new(),
        };
        Some(format!(
            "{which}{why}: {names}; {them} in no test figure; put test images into test/CLASS/ or a --test-list"
        ))
    }

    /// On classes that no validation image covers, where the set says so, or where not all of them are untested too.
    fn unvalidated(&self, listing: &Listing, request: &SplitRequest) -> Option<String> {
        let counts = match (&listing.val, self.val.is_empty()) {
            _ if request.holdout == Holdout::None => return None,
            (Some(val), true) => val.class_counts(self.class_names.len()),
            (None, false) if listing.test.is_some() => self.counts(&self.val, &listing.pool.labels),
            _ => return None,
        };
        let (which, names, them) = self.without_images(&counts, "validation")?;
        Some(format!(
            "{which}: {names}; {them} in no validation figure; put images into val/CLASS/ or a --val-list"
        ))
    }

    /// Which classes have no image of a part, in words; `None` if all have.
    fn without_images(
        &self,
        counts: &[usize],
        part: &str,
    ) -> Option<(String, String, &'static str)> {
        let classes = self.class_names.len();
        let names = counts.iter().zip(&self.class_names).filter(|(count, _)| **count == 0);
        let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
        let (which, them) = match names.len() {
            0 => return None,
            1 => (format!("1 of {classes} classes has no {part} image"), "it is"),
            n => (format!("{n} classes of {classes} have no {part} image"), "they are"),
        };
        Some((which, listed(names), them))
    }

    /// On images that are there more than once.
    fn copies(&self, listing: &Listing) -> Vec<String> {
        let pool = &listing.pool;
        let mut notes = Vec::new();
        for (part, own) in [("validation", &listing.val), ("test", &listing.test)] {
            let copies = own.as_ref().map_or(0, |own| pool.copies_in(own));
            if copies > 0 {
                notes.push(format!(
                    "{copies} {part} {} of training images, to the byte: figures on copies are too \
                     good; `longtail data stats` lists them",
                    if copies == 1 { "image is a copy" } else { "images are copies" }
                ));
            }
        }
        let contradicting = contradicting(&pool.labels, &pool.digests);
        if contradicting > 0 {
            notes.push(format!(
                "{contradicting} training {} of an image of another class, to the byte: at most one \
                 of the labels is right; `longtail data stats` lists them",
                if contradicting == 1 { "image is a copy" } else { "images are copies" }
            ));
        }
        notes
    }
}

/// Of so many selected images that validate and test, of these classes.
fn said_of_held_out([val, test]: [usize; 2], classes: &str, left: &str) -> Option<String> {
    let who = |count: usize, verb: &str| match count {
        1 => (format!("1 selected image {verb}s"), "does"),
        _ => (format!("{count} selected images {verb}"), "do"),
    };
    let ((validate, does), (test_alone, do_alone)) = (who(val, "validate"), who(test, "test"));
    match (val, test) {
        (0, 0) => None,
        (_, 0) => Some(format!(
            "{validate} and so {does} not train ({classes}); --val none trains on all"
        )),
        (0, _) => Some(format!(
            "{test_alone} and so {do_alone} not train ({classes}); test images of one's own (test/ or --test-list) let \
             all train"
        )),
        _ => Some(format!(
            "{validate} and {test} test, and so do not train ({classes}){left}; test images of one's own (test/ or \
             --test-list) take the place of the latter"
        )),
    }
}

/// The first few of a list, and how many more there are.
fn listed(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more classes") };
    names.join(", ") + &more
}
