//! Image sets that read their images one at a time, beside the same images decoded.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use longtail::{
    augment::{Normalize, SimConfig, View},
    batch::{Loader, LoaderConfig, LoaderError, Position, Sampler},
    data::{DataError, ImageSet, ReadImage, content},
    device,
    eval::{embed, predict},
    method::{Method, Planner},
    recipe::{Recipe, RecipeFile},
    train::network,
};

const SIZE: usize = 8;
const IMAGES: usize = 13;

/// Wider than a view by so many pixels.
fn width(index: usize) -> usize {
    SIZE + index % 3
}

fn pixels(index: usize) -> Vec<u8> {
    (0..SIZE * width(index) * 3).map(|i| (i * 31 + index * 57) as u8).collect()
}

/// Makes images as if it read them; that of `missing` it cannot.
#[derive(Debug, Default)]
struct Made {
    missing: Option<usize>,
    reads: AtomicUsize,
}

impl ReadImage for Made {
    fn read(&self, index: usize, buffer: &mut Vec<u8>) -> Result<[usize; 2], DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.missing == Some(index) {
            return Err(DataError::Images { faults: vec![format!("image {index} is gone")] });
        }
        *buffer = pixels(index);
        Ok([SIZE, width(index)])
    }
}

fn labels() -> Vec<u32> {
    (0..IMAGES as u32).map(|index| index % 2).collect()
}

fn decoded() -> ImageSet {
    let sizes: Vec<_> = (0..IMAGES).map(|index| [SIZE, width(index)]).collect();
    let all = (0..IMAGES).flat_map(pixels).collect();
    ImageSet::varied([SIZE; 2], &sizes, all, labels(), Vec::new())
}

fn on_demand(made: Arc<Made>) -> ImageSet {
    ImageSet::on_demand([SIZE; 2], labels(), Vec::new(), "a digest of files".into(), made)
}

fn loader(images: ImageSet) -> Loader {
    let sim = View::Sim(SimConfig::default());
    let config = LoaderConfig {
        samplers: vec![Sampler::new((0..IMAGES as u32).collect(), 4, false, 5)],
        views: vec![View::Test, sim],
        normalize: Normalize::CIFAR,
        seed: 9,
    };
    Loader::start(Arc::new(images), config, Position { epoch: 2, batch: 1 })
}

#[test]
fn views_statistics_and_predictions_are_those_of_the_decoded_images() {
    let made = Arc::new(Made::default());
    let (set, decoded) = (on_demand(made.clone()), decoded());
    let all: Vec<u32> = (0..IMAGES as u32).collect();
    assert_eq!(Normalize::of(&set, &all).unwrap(), Normalize::of(&decoded, &all).unwrap());
    let text = "model.backbone = \"resnet8\"\nmethod.name = \"ce\"\n";
    let recipe = Recipe::resolve(&[RecipeFile::parse(text, "t").unwrap()]).unwrap().0;
    assert_eq!(recipe.method.name, Method::Ce);
    let network = network(&Planner::default(), &recipe, 2, 0, &device::cpu()).unwrap();
    let rows = |set: &ImageSet| {
        let (of, device) = (&Normalize::CIFAR, &device::cpu());
        (
            predict(&network, set, &all, of, device).unwrap(),
            embed(&network, set, &all, of, device).unwrap(),
        )
    };
    assert_eq!(rows(&set), rows(&decoded));
    let (one, other) = (loader(set), loader(decoded));
    for _ in 0..9 {
        assert_eq!(one.next_batch().unwrap(), other.next_batch().unwrap());
    }
    assert!(made.reads.load(Ordering::Relaxed) > 3 * IMAGES);
}

#[test]
fn its_identity_is_the_digest_that_it_is_given() {
    let set = on_demand(Arc::new(Made::default()));
    assert_eq!(content(&set), "a digest of files");
    assert_ne!(content(&decoded()), content(&set));
}

#[test]
fn an_image_that_cannot_be_read_ends_the_work_with_its_name() {
    let missing = || on_demand(Arc::new(Made { missing: Some(6), ..Made::default() }));
    let all: Vec<u32> = (0..IMAGES as u32).collect();
    let said = Normalize::of(&missing(), &all).unwrap_err().to_string();
    assert!(said.contains("image 6 is gone"), "{said}");
    let loader = loader(missing());
    let error = (0..9).find_map(|_| loader.next_batch().err()).unwrap();
    assert!(
        matches!(error, LoaderError::Image(_)) && error.to_string().contains("image 6 is gone"),
        "{error}"
    );
    assert!(matches!(loader.next_batch(), Err(LoaderError::Ended)));
}

/// Gives less than a view.
#[derive(Debug)]
struct Small;

impl ReadImage for Small {
    fn read(&self, _: usize, buffer: &mut Vec<u8>) -> Result<[usize; 2], DataError> {
        *buffer = vec![0; 3];
        Ok([1, 1])
    }
}

#[test]
fn an_image_smaller_than_a_view_is_refused() {
    let names = (0..IMAGES).map(|index| format!("{index}.png")).collect();
    let set = ImageSet::on_demand([SIZE; 2], labels(), names, String::new(), Arc::new(Small));
    let said = set.read(4, &mut Vec::new()).unwrap_err().to_string();
    assert!(said.contains("4.png") && said.contains("a view's size"), "{said}");
}
