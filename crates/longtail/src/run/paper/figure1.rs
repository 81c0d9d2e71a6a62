//! Figure 1: how much of an embedding's space the classes take, with and without rebalancing. In the plane, where z has unit
//! length, the space is a circle.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    figure3::Embedding,
    images,
    plan::{Reproduction, figure_folder},
};
use crate::{
    Result,
    eval::{Region, regions},
    method::Method,
    recipe::{Holdout, RecipeFile},
    report::html::{Circle, circles},
    run::{
        Runner,
        queue::{Goal, Job},
    },
};

/// The methods: supervised contrast, and the same rebalanced; balanced contrast, and that rebalanced.
pub const METHODS: [Method; 4] = [Method::Scl, Method::Rcl, Method::Bcl, Method::BclRcl];
/// Epochs where nobody says how many.
const EPOCHS: usize = 60;
/// T: at the 0.1 of other runs so few dimensions have all classes in one place, from which they part late.
const TEMPERATURE: f64 = 0.5;
/// Dimensions of z.
const DIMENSIONS: usize = 2;

/// The figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure1 {
    /// The classes with their training images, by label.
    pub classes: Vec<(String, usize)>,
    /// For every method where the classes of the test images lie.
    pub methods: Vec<(String, Vec<Region>)>,
    /// The picture.
    #[serde(skip)]
    pub svg: String,
}

impl Reproduction<'_> {
    fn figure1_folder(&self) -> PathBuf {
        figure_folder(&self.root, "figure1")
    }

    /// Its runs, on a folder of images that is made where there is none.
    pub(super) fn figure1_jobs(&self) -> Result<Vec<Job>> {
        let folder = self.figure1_folder();
        let images = match &self.scratch {
            Some(scratch) if !images::are_in(&folder, &self.data_dir) => scratch,
            _ => &folder,
        };
        let images = images::write(images, &self.data_dir)?;
        Ok(METHODS.iter().map(|method| self.figure1_job(*method, &folder, &images)).collect())
    }

    fn figure1_job(&self, method: Method, folder: &Path, images: &Path) -> Job {
        let mut layer = RecipeFile::default();
        layer.data.name = Some(images.display().to_string());
        layer.data.val = Some(Holdout::None);
        layer.method.name = Some(method);
        layer.model.head_out = Some(DIMENSIONS);
        layer.contrastive.temperature = Some(TEMPERATURE);
        layer.train.epochs = Some(EPOCHS);
        layer.train.seed = Some(self.seeds.first().copied().unwrap_or(0));
        let name = format!("figure1-{method}");
        Job {
            folder: folder.join(method.to_string()),
            layers: vec![layer, self.options.clone()],
            name,
            goal: Goal::Figures,
        }
    }

    /// The figure, of its runs, which have to be finished.
    ///
    /// # Errors
    /// [`crate::Error`] for a run that cannot be opened again.
    pub fn figure1(&self, runner: &Runner) -> Result<Figure1> {
        let (mut classes, mut drawn, mut methods) = (Vec::new(), Vec::new(), Vec::new());
        for job in self.figure1_jobs()? {
            let embedding = Embedding::of(runner, &job.folder, &job.name)?;
            let title = job.name.trim_start_matches("figure1-").to_owned();
            let points = embedding.points();
            let labels = embedding.outputs.labels;
            methods.push((title.clone(), regions(&points, &labels)));
            drawn.push(Circle { title, points, labels });
            classes = embedding.classes;
        }
        let title =
            "Figure 1: test images in the plane, and the part of the circle nearest to each class";
        let svg = circles(title, &classes, &drawn);
        Ok(Figure1 { classes, methods, svg })
    }
}
