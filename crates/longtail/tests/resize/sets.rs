//! Sets of images of different sizes.

use std::sync::Arc;

use longtail::{
    augment::{ClassifierConfig, Normalize, SimConfig, View},
    batch::{Batch, Loader, LoaderConfig, Position, Sampler},
    data::{
        Fitting, ImageSet, Opened, Resize, Source, Split, content, decode::decode, pack,
        stats::Stats,
    },
    device,
    eval::predict,
    method::Planner,
    recipe::{Data, Recipe, RecipeFile},
    train::network,
};
use sha2::{Digest, Sha256};
use tempfile::{TempDir, tempdir};

use super::photos::{decoded, pixels, write};

const SIZE: usize = 16;
/// Portraits, landscapes, a square, the size of a view, one that is smaller, a strip.
const SIZES: [[usize; 2]; 8] =
    [[20, 30], [30, 20], [25, 25], [16, 16], [9, 12], [1, 40], [16, 17], [61, 33]];

/// Two classes of photographs of many sizes, and square ones to test with.
fn folder_of_photos() -> TempDir {
    let dir = tempdir().unwrap();
    for (i, size) in SIZES.into_iter().enumerate() {
        let class = if i % 2 == 0 { "even" } else { "odd" };
        write(&dir.path().join(format!("train/{class}/{i}.png")), size);
        write(&dir.path().join(format!("train/{class}/{i}-more.png")), [size[0] + 7, size[1]]);
    }
    write(&dir.path().join("test/odd/square.png"), [40, 40]);
    write(&dir.path().join("test/even/same.png"), [SIZE, SIZE]);
    dir
}

/// The section of a recipe for the photographs in `dir`, one of each class held out.
fn section(dir: &TempDir, how: Resize) -> Data {
    let data = format!("[data]\nname = {:?}\nimage_size = {SIZE}\nval = 1\n", dir.path());
    let (recipe, _) = Recipe::resolve(&[RecipeFile::parse(&data, "t").unwrap()]).unwrap();
    Data { resize: how, ..recipe.into_sections().data }
}

fn load(data: &Data) -> (Source, Split) {
    let opened = Opened::open(data).unwrap();
    let (split, _) = opened.split(data).unwrap();
    (opened.load(&split, data).unwrap().0, split)
}

fn source(dir: &TempDir, how: Resize) -> Source {
    load(&section(dir, how)).0
}

#[test]
fn a_folder_keeps_the_aspect_of_its_images() {
    let dir = folder_of_photos();
    let source = source(&dir, Resize::Crop);
    let pool = &source.pool;
    assert_eq!((pool.height(), pool.width()), (SIZE, SIZE));
    let place = |name: &str| pool.names().iter().position(|n| n.ends_with(name)).unwrap();
    for (i, size) in SIZES.into_iter().enumerate() {
        let fitted = Fitting::new(SIZE, Resize::Crop).fit(&decoded(size)).unwrap();
        let index = place(&format!("/{i}.png"));
        assert_eq!(pool.size_of(index), [fitted.height, fitted.width], "{size:?}");
        assert_eq!(pool.image(index), fitted.pixels, "{size:?}");
    }
    assert_eq!(pool.image(place("/3.png")), pixels([SIZE, SIZE]));
    let test = source.test.unwrap();
    let uniform =
        ImageSet::new(SIZE, SIZE, test.pixels().to_vec(), vec![0, 1], test.names().to_vec());
    assert_eq!(test, uniform, "squares are a set without sizes");
    let squashed = self::source(&dir, Resize::Squash).pool;
    assert!(squashed.sizes().is_none() && pool.sizes().is_some());
    assert_eq!(squashed.image(place("/0.png")).len(), SIZE * SIZE * 3);
}

#[test]
fn the_content_of_a_uniform_set_is_that_of_earlier_versions() {
    let set = ImageSet::new(2, 3, (0..36).collect(), vec![4, 7], Vec::new());
    let mut hash = Sha256::new();
    [2_u64, 2, 3].iter().for_each(|size| hash.update(size.to_le_bytes()));
    [4_u32, 7].iter().for_each(|label| hash.update(label.to_le_bytes()));
    hash.update((0..36).collect::<Vec<u8>>());
    let expected: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(content(&set), expected);
}

#[test]
fn the_content_tells_a_portrait_from_a_landscape() {
    let set = |sizes: [[usize; 2]; 2]| {
        let bytes = (0..6 * 3 * 2).collect();
        ImageSet::varied([2, 2], &sizes, bytes, vec![0, 1], Vec::new())
    };
    assert_ne!(content(&set([[2, 3], [3, 2]])), content(&set([[3, 2], [2, 3]])));
    assert_ne!(content(&set([[2, 3], [2, 3]])), content(&set([[3, 2], [3, 2]])));
    let names = ["a".to_owned(), "b".to_owned()];
    let turned = set([[2, 3], [3, 2]]);
    let stats = Stats::of_sets(&names, &[("train", &turned, vec![0, 1])]);
    let sizes = stats.sizes.unwrap();
    assert_eq!((sizes.width, sizes.height), ([2, 3, 3], [2, 3, 3]));
}

fn batches(images: Arc<ImageSet>, count: usize) -> Vec<Batch> {
    let sim = View::Sim(SimConfig::default());
    let config = LoaderConfig {
        samplers: vec![Sampler::new((0..images.len() as u32).collect(), 5, true, 3)],
        views: vec![View::Classifier(ClassifierConfig::default()), sim, View::Test],
        normalize: Normalize::CIFAR,
        seed: 3,
    };
    let loader = Loader::start(images, config, Position { epoch: 0, batch: 0 });
    (0..count).map(|_| loader.next_batch().unwrap()).collect()
}

#[test]
fn a_pack_of_a_folder_gives_the_folders_batches() {
    let dir = folder_of_photos();
    let data = section(&dir, Resize::Crop);
    let (source, split) = load(&data);
    let path = dir.path().join("photos.pack");
    pack::write(&path, &data, &source, &split, None).unwrap();
    let (packed, of_pack) = pack::load(&path, &data).unwrap();
    assert_eq!(of_pack, split);
    assert_eq!(packed.test, source.test);
    let all = |images: ImageSet| batches(Arc::new(images), 7);
    assert_eq!(all(packed.pool), all(source.pool));
}

#[test]
fn what_is_predicted_is_what_is_evaluated() {
    let dir = folder_of_photos();
    let data = format!("data.name = {:?}\nmodel.backbone = \"resnet8\"\n", dir.path());
    let (recipe, _) = Recipe::resolve(&[RecipeFile::parse(&data, "t").unwrap()]).unwrap();
    let device = device::cpu();
    let network = network(&Planner::default(), &recipe, 2, 0, &device).unwrap();
    let logits = |images: &ImageSet| {
        let all: Vec<u32> = (0..images.len() as u32).collect();
        predict(&network, images, &all, &Normalize::CIFAR, &device).unwrap()
    };
    let pool = source(&dir, Resize::Crop).pool;
    // As files are given to predict, in another order and without labels.
    let paths: Vec<_> = pool.names().iter().rev().map(|name| dir.path().join(name)).collect();
    let fitted = |path: &std::path::PathBuf| {
        Fitting::new(SIZE, Resize::Crop).fit(&decode(path).unwrap()).unwrap()
    };
    let images = paths.iter().map(fitted).collect();
    let files = ImageSet::of_fitted(SIZE, images, vec![0; paths.len()], Vec::new());
    let mut predicted = logits(&files);
    predicted.reverse();
    assert_eq!(predicted, logits(&pool));
}
