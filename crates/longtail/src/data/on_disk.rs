//! Images that stay in their files, and are read whenever one is needed.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Data, DataError, Fitted, Fitting, ImageSet, ReadImage, Storage,
    cache::{Cached, Room},
    catalog::{Files, Located},
    decode::ImageFile,
    source::given,
};
use crate::{counted::counted, raster::Pixels};

/// Files beyond which images stay on disk where nothing else is said.
const MANY: usize = 50_000;

/// Whether images stay on disk, of which there are so many `files`.
pub(super) fn is_asked(data: &Data, files: usize) -> bool {
    match data.storage {
        Storage::Auto => files > MANY || given(&data.cache).is_some(),
        Storage::Memory => false,
        Storage::Disk => true,
    }
}

/// What to know where they stay there though nobody said so.
pub(super) fn note(data: &Data) -> Option<String> {
    let is_said = data.storage != Storage::Auto || given(&data.cache).is_some();
    (!is_said).then(|| {
        format!(
            "there are more than {MANY} images, which stay on disk and are read as they are needed (--storage memory \
             decodes them once)"
        )
    })
}

/// On a cache in which nothing is kept.
fn not_kept(folder: &Path) -> String {
    format!(
        "nothing is kept in {}: images that stay whole (--resize full) would take many times the room of their files; \
         --resize crop and squash keep theirs decoded",
        folder.display()
    )
}

/// Where the images of a section lie, whatever there is of them.
fn place(data: &Data) -> String {
    let Data { name, dir, train_list, val_list, test_list, .. } = data;
    let paths: [&Path; 5] = [Path::new(name), dir, train_list, val_list, test_list];
    format!("{:?}", paths.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned())))
}

/// Bytes that all files of a section's cache may take.
pub(super) fn most(data: &Data) -> u64 {
    (data.cache_gib * f64::from(1 << 30)) as u64
}

/// What may be added to a section's cache.
pub(super) fn room(data: &Data) -> Option<Room> {
    given(&data.cache).map(|folder| Room::in_folder(&folder, most(data)))
}

/// Files, each of which is decoded anew for every view.
#[derive(Debug)]
pub(super) struct OnDisk {
    files: Files,
    fitting: Fitting,
}

impl OnDisk {
    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// What images are brought to.
    pub(super) fn fitting(&self) -> Fitting {
        self.fitting
    }

    /// The file that image `index` is in.
    pub(super) fn file(&self, index: usize) -> Option<PathBuf> {
        match self.files.located(index) {
            Located::File(path) => Some(path),
            Located::Within { file, .. } => Some(file.to_path_buf()),
            Located::Unpacked { of, .. } => Some(of.images.clone()),
            Located::Held(_) => None,
        }
    }

    /// Whether they were taken out of a table into the folder of a cache.
    fn is_unpacked(&self) -> bool {
        self.len() > 0 && matches!(self.files.located(0), Located::Unpacked { .. })
    }

    /// What tells image `index` from others, whatever it holds.
    pub(super) fn key(&self, index: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self.files.located(index) {
            Located::File(path) => path.hash(&mut hasher),
            Located::Within { file, offset, .. } => (file, offset).hash(&mut hasher),
            Located::Unpacked { of, row, .. } => (&of.images, row).hash(&mut hasher),
            Located::Held(_) => index.hash(&mut hasher),
        }
        hasher.finish()
    }

    fn bytes_of(&self, index: usize) -> Result<ImageFile, DataError> {
        ImageFile::read_located(&self.files.located(index)).map_err(|e| self.fault(index, e))
    }

    fn fault(&self, index: usize, reason: String) -> DataError {
        DataError::Images { faults: vec![format!("{}: {reason}", self.files.title(index))] }
    }
}

impl ReadImage for OnDisk {
    fn read(&self, index: usize, pixels: &mut Vec<u8>) -> Result<[usize; 2], DataError> {
        let fitted = self.bytes_of(index)?.decode().and_then(|decoded| self.fitting.fit(&decoded));
        let Fitted { height, width, pixels: read } =
            fitted.map_err(|reason| self.fault(index, reason))?;
        *pixels = read;
        Ok([height, width])
    }

    fn open(&self, index: usize) -> Result<Option<Box<dyn Pixels + '_>>, DataError> {
        // Of whole images alone a view is cut straight out of the file.
        if self.fitting.test_side().is_none() {
            return Ok(None);
        }
        Ok(Some(Box::new(self.bytes_of(index)?)))
    }
}

/// The images of `files`, the `part` of a data set, of which nothing is read yet; `content` identifies them. What a section
/// says is kept of them decoded, as far as there is `room`, with a sentence on how many are there.
///
/// # Errors
/// [`DataError::Io`] if nothing can be kept where the section says.
pub(super) fn images(
    mut files: Files,
    part: &str,
    content: String,
    data: &Data,
    room: Option<&Room>,
) -> Result<(ImageSet, Option<String>), DataError> {
    let fitting = Fitting::of(data);
    let (labels, names) = (std::mem::take(&mut files.labels), files.names.clone());
    let images = OnDisk { files, fitting };
    let is_whole = fitting.test_side().is_some();
    let (images, note): (Arc<dyn ReadImage>, _) = match given(&data.cache).zip(room) {
        // Whole images would take far more room than their files.
        Some((folder, _)) if is_whole => {
            let note = (!images.is_unpacked()).then(|| not_kept(&folder));
            (Arc::new(images), note)
        }
        None => (Arc::new(images), None),
        Some((folder, room)) => {
            let set = format!("{part} {}", place(data));
            let cached = Cached::new(images, &set, &folder, room.clone())?;
            let all = counted(labels.len(), "image", "images");
            let note =
                format!("{} of {all} are decoded in {} already", cached.kept(), folder.display());
            (Arc::new(cached), Some(note))
        }
    };
    let set = ImageSet::on_demand([fitting.size; 2], labels, names, content, images);
    Ok((set.with_test_side(fitting.test_side()), note))
}
