use std::fmt;

use burn::tensor::{Tensor, TensorData};
use sha2::{Digest, Sha256};

use super::{LossError, distillation};
use crate::{
    augment::Normalize,
    hex::hex,
    model::{Network, Pass, weights},
};

/// A trained network that another one learns from: in evaluation mode, without gradients, and never changed.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// # use longtail::{augment::Normalize, loss::Teacher, method::parts, model::Network, recipe::Recipe};
/// # let (recipe, _) = Recipe::resolve(&[])?;
/// # let config = parts::network(&recipe.settings(), 2, None);
/// # let network = |seed| Network::new(&config, seed, &Device::flex());
/// let names = ["cat".to_owned(), "dog".to_owned()];
/// let teacher = Teacher::new(network(0)?, &names, Normalize::CIFAR);
/// assert_eq!(teacher.digest(), Teacher::new(network(0)?, &names, Normalize::CIFAR).digest());
/// assert_ne!(teacher.digest(), Teacher::new(network(1)?, &names, Normalize::CIFAR).digest());
/// let images = Tensor::<4>::ones([3, 8, 8, 3], &Device::flex().autodiff());
/// assert_eq!(teacher.logits(images).dims(), [3, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Teacher {
    network: Network,
    normalize: Normalize,
    /// What it is given is brought to its own means and deviations by these factors and summands, where that is needed.
    rescale: Option<[[f32; 3]; 2]>,
    digest: String,
}

impl Teacher {
    /// `network`, on a device without gradients, which was trained to tell `class_names` on images that `normalize` has
    /// normalised.
    pub fn new(network: Network, class_names: &[String], normalize: Normalize) -> Self {
        let digest = digest(&network, class_names, &normalize);
        Self { network, normalize, rescale: None, digest }
    }

    /// The same for images that are normalised otherwise than its own were.
    #[must_use]
    pub fn given(self, by: &Normalize) -> Self {
        let own = &self.normalize;
        let factors = [0, 1, 2].map(|channel| by.std[channel] / own.std[channel]);
        let summands =
            [0, 1, 2].map(|channel| (by.mean[channel] - own.mean[channel]) / own.std[channel]);
        let rescale = (by != own).then_some([factors, summands]);
        Self { rescale, ..self }
    }

    /// What tells it from others: a SHA-256 over its weights and running statistics, the names of its classes in order,
    /// and what its images were normalised with.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its logits, `[rows, classes]`, as it predicts: of several experts the mean.
    ///
    /// `images`: `[rows, height, width, 3]` on a device with gradients, of which none flows.
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let images = images.inner();
        let images = match self.rescale {
            None => images,
            Some(rescale) => {
                let device = images.device();
                let [factors, summands] = rescale.map(|values| {
                    let data = TensorData::new(values.to_vec(), [1, 1, 1, 3]);
                    Tensor::<4>::from_data(data, &device)
                });
                images * factors + summands
            }
        };
        let features = self.network.features(images, &mut Pass::Eval);
        self.network.logits(features).autodiff()
    }
}

fn digest(network: &Network, class_names: &[String], normalize: &Normalize) -> String {
    let mut hash = Sha256::new();
    weights::hash(&weights::state(network), &mut hash);
    hash.update(format!("{class_names:?} {:?} {:?}", normalize.mean, normalize.std));
    hex(hash.finalize())
}

impl fmt::Debug for Teacher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Teacher").field(&self.digest).finish()
    }
}

/// What an objective needs to learn from a teacher beside the labels: any that has one of these and hands on what
/// [`super::Objective::learn_from`] is given.
#[derive(Debug, Clone)]
pub struct Distillation {
    /// T, dividing the logits of both.
    pub temperature: f64,
    /// What stands before the loss in the whole.
    pub weight: f64,
    /// Whose logits are learned; the run gives it.
    pub teacher: Option<Teacher>,
}

impl Distillation {
    /// [`distillation`] of the logits that a network gives for `images`, unweighted.
    ///
    /// # Shapes
    /// - `student`: `[rows, classes]`; `images`: `[rows, height, width, 3]`, the same view
    /// - output: `[1]`
    ///
    /// # Errors
    /// [`LossError::NoTeacher`], and those of [`distillation`].
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{Distillation, LossError};
    ///
    /// let distillation = Distillation { temperature: 1.5, weight: 1.0, teacher: None };
    /// let device = Device::flex();
    /// let loss = distillation.loss(Tensor::ones([1, 2], &device), Tensor::ones([1, 8, 8, 3], &device));
    /// assert_eq!(loss.unwrap_err(), LossError::NoTeacher);
    /// ```
    pub fn loss(&self, student: Tensor<2>, images: Tensor<4>) -> Result<Tensor<1>, LossError> {
        let teacher = self.teacher.as_ref().ok_or(LossError::NoTeacher)?;
        distillation(student, teacher.logits(images), self.temperature)
    }
}
