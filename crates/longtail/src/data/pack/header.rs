//! What a pack says of itself.

use serde::{Deserialize, Serialize};

use super::{decompressed, stored_content};
use crate::data::{Data, DataTyped, ImageSet, Resize, Source, Split, known};

/// The newest layout.
const NEWEST: u32 = 2;
/// The first layout, in which all images have the size of a view.
const UNIFORM: u32 = 1;
/// No image of a pack is wider or higher.
const LARGEST_SIDE: u32 = 16_384;

/// The first member of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    version: u32,
    /// The section of the recipe that the split was made of.
    pub data: DataTyped,
    pub(super) name: String,
    pub(super) class_names: Vec<String>,
    pub(super) content: String,
    /// Hash of what is stored.
    pub(super) stored_content: String,
    /// Of a view.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pool: Listed,
    /// Which images of the pool are in the pack, ascending.
    pub(super) stored: Vec<u32>,
    pub(super) val: Option<Listed>,
    pub(super) test: Option<Listed>,
}

/// A set without its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    pub labels: Vec<u32>,
    pub names: Vec<String>,
    /// `[height, width]` of the images that are in the pack; absent where all have the size of a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sizes: Option<Vec<[u32; 2]>>,
}

impl Listed {
    /// The set with the images `stored` of it.
    fn of(images: &ImageSet, stored: &[u32]) -> Self {
        let size = |&index: &u32| images.size_of(index as usize).map(|side| side as u32);
        Self {
            labels: images.labels().to_vec(),
            names: images.names().to_vec(),
            sizes: images.sizes().map(|_| stored.iter().map(size).collect()),
        }
    }

    /// Whether it is a set of this many classes with `stored` images in the pack, for `view`.
    fn fits(&self, classes: usize, stored: usize, view: [usize; 2]) -> bool {
        let named = self.names.is_empty() || self.names.len() == self.labels.len();
        let covers = |side: u32, view: usize| side <= LARGEST_SIDE && side as usize >= view;
        let covers = |size: &[u32; 2]| covers(size[0], view[0]) && covers(size[1], view[1]);
        let sized = |sizes: &Vec<[u32; 2]>| sizes.len() == stored && sizes.iter().all(covers);
        let labelled = self.labels.iter().all(|&label| (label as usize) < classes);
        named && labelled && self.sizes.as_ref().is_none_or(sized)
    }

    /// `[height, width]` of the images that are in the pack.
    pub fn sizes(&self, stored: usize, view: [usize; 2]) -> Vec<[usize; 2]> {
        match &self.sizes {
            None => vec![view; stored],
            Some(sizes) => sizes.iter().map(|size| size.map(|side| side as usize)).collect(),
        }
    }
}

impl Header {
    pub(super) fn of(data: &Data, source: &Source, split: &Split) -> Result<Self, String> {
        let pool = &source.pool;
        let mut stored = [&split.train[..], &split.val, &split.test].concat();
        stored.sort_unstable();
        let whole =
            |images: &ImageSet| Listed::of(images, &(0..images.len() as u32).collect::<Vec<_>>());
        let mut header = Self {
            version: UNIFORM,
            data: asked(data),
            name: source.name.clone(),
            class_names: source.class_names.clone(),
            content: split.content.clone(),
            stored_content: stored_content(source, &stored),
            height: pool.height(),
            width: pool.width(),
            pool: Listed::of(pool, &stored),
            stored,
            val: source.val.as_ref().map(whole),
            test: source.test.as_ref().map(whole),
        };
        if header.data.resize == Some(header.unsaid_resize()) {
            header.data.resize = None;
        }
        if header.data.resize.is_some() || header.sets().any(|set| set.sizes.is_some()) {
            header.version = NEWEST;
        }
        if header.fits() { Ok(header) } else { Err("its images are too large for a pack".into()) }
    }

    /// The header in `json`.
    ///
    /// # Errors
    /// A sentence if it is none, or a newer one, or contradicts itself.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let (json, text) = (decompressed(bytes)?, |error: serde_json::Error| error.to_string());
        let Version { version } = serde_json::from_slice(&json).map_err(text)?;
        if version > NEWEST {
            return Err(format!("it has version {version}; use a newer longtail"));
        }
        let mut header: Self = serde_json::from_slice(&json).map_err(text)?;
        if !header.fits() {
            return Err("its parts do not fit each other".into());
        }
        if header.has_files() {
            header.data.resize = header.data.resize.or(Some(header.unsaid_resize()));
        }
        Ok(header)
    }

    /// `[height, width]` of the images that the pack holds of each set, by its name.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&'static str, Vec<[usize; 2]>)> {
        let view = [self.height, self.width];
        let whole = move |set: &Listed| set.sizes(set.labels.len(), view);
        let own = [("val", self.val.as_ref()), ("test", self.test.as_ref())];
        let own = own.into_iter().filter_map(move |(part, set)| Some((part, whole(set?))));
        std::iter::once(("pool", self.pool.sizes(self.stored.len(), view))).chain(own)
    }

    /// Bytes of the pixels of all images that the pack holds.
    pub(super) fn bytes(&self) -> u64 {
        let of_set = |sizes: Vec<[usize; 2]>| -> u64 {
            sizes.iter().map(|[height, width]| (height * width * 3) as u64).sum()
        };
        self.sizes().map(|(_, sizes)| of_set(sizes)).sum()
    }

    /// What a header without `data.resize` means: files were squashed before there was another way, and
    /// other sets have nothing to resize.
    fn unsaid_resize(&self) -> Resize {
        if self.has_files() { Resize::Squash } else { Resize::Crop }
    }

    fn has_files(&self) -> bool {
        self.sets().any(|set| !set.names.is_empty())
    }

    fn sets(&self) -> impl Iterator<Item = &Listed> {
        [Some(&self.pool), self.val.as_ref(), self.test.as_ref()].into_iter().flatten()
    }

    fn fits(&self) -> bool {
        let (classes, view) = (self.class_names.len(), [self.height, self.width]);
        let whole = |set: &Listed| set.fits(classes, set.labels.len(), view);
        let listed = self.pool.fits(classes, self.stored.len(), view)
            && [&self.val, &self.test].into_iter().flatten().all(whole);
        let ascending = self.stored.is_sorted_by(|a, b| a < b);
        let within = self.stored.last().is_none_or(|&i| (i as usize) < self.pool.labels.len());
        let sized = view.iter().all(|side| (1..=1024).contains(side));
        listed && ascending && within && sized
    }

    /// Refuses values that are not those which the split was made of.
    ///
    /// # Errors
    /// A sentence about the first one.
    pub fn check(&self, typed: &DataTyped) -> Result<(), String> {
        let table = |data: &DataTyped| toml::Table::try_from(data).map_err(|e| e.to_string());
        let (own, typed) = (table(&self.data)?, table(typed)?);
        // A set without files has nothing to resize or to leave out, and where files lay is no matter: they are here.
        let is_path = !self.data.name.as_deref().is_some_and(known::is_known);
        let is_moot = |key: &str| match key {
            "resize" | "skip_broken" => !own.contains_key(key),
            "name" | "train_list" | "val_list" | "test_list" => is_path,
            _ => false,
        };
        let differs =
            |(key, value): &(&String, &toml::Value)| own.get(*key) != Some(*value) && !is_moot(key);
        match typed.iter().find(differs) {
            None => Ok(()),
            Some((key, _)) => {
                let made_of = own.get(key).map_or("nothing".into(), ToString::to_string);
                Err(format!(
                    "the pack holds one split, made with data.{key} = {made_of}: leave {key} out"
                ))
            }
        }
    }

    /// The sets that the pack holds, by name, with the images that it holds of them.
    pub(super) fn parts<'a>(
        &self,
        source: &'a Source,
    ) -> Vec<(&'static str, &'a ImageSet, Vec<u32>)> {
        let all = |images: &ImageSet| (0..images.len() as u32).collect();
        let own = [("val", source.val.as_ref()), ("test", source.test.as_ref())];
        let own = own.into_iter().filter_map(|(part, images)| Some((part, images?, all(images?))));
        std::iter::once(("pool", &source.pool, self.stored.clone())).chain(own).collect()
    }
}

/// A section without where the files are.
pub(super) fn asked(data: &Data) -> DataTyped {
    // Nothing was left out: older versions did not say so, and the same set is the same file.
    let skip_broken = data.skip_broken.then_some(true);
    let shorter_side = (data.shorter_side > 0).then_some(data.shorter_side);
    let typed = DataTyped { dir: None, split: None, storage: None, ..data.clone().into() };
    DataTyped { skip_broken, shorter_side, ..typed }
}
