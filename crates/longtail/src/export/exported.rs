use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{ExportError, onnx, plain::Plain, pth};
use crate::{
    augment::Normalize,
    choice::{Choice, choice},
    model::weights::to_safetensors,
    trained::Trained,
};

/// Ratio of the largest to the smallest prior up to which all classes are alike.
const ALIKE: f64 = 1.0 + 1e-9;

choice! {
    /// A format of exported networks.
    Format {
        /// Weights under PyTorch's names as safetensors.
        Safetensors = "safetensors",
        /// The same as PyTorch's own file, for `torch.load(..., weights_only=True)`.
        Pth = "pth",
        /// The whole computation, from pixels to probabilities.
        Onnx = "onnx",
    }
}

impl Format {
    /// What names of such files end with.
    pub fn extension(self) -> &'static str {
        self.name()
    }
}

/// A correction of the logits for the prior that they hold: `f_y − τ log π_y` (Menon et al. 2021, §4.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// τ; 1 makes all classes alike.
    pub tau: f64,
}

/// One size of a [`Port`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As many as there are images, called `N`.
    Images,
    /// This.
    Fixed(usize),
}

/// What a network takes or gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<Size>,
}

/// A trained network as a file.
///
/// ```no_run
/// use std::path::Path;
/// use longtail::{device, export::{Exported, Format}, method::Planner, trained::{Trained, WeightsChoice}};
///
/// let (run, choice) = (Path::new("runs/photos-la-0"), WeightsChoice::BestOrLast);
/// let trained = Trained::open(run, choice, &device::cpu(), &Planner::default())?;
/// let exported = Exported::of(&trained, Format::Onnx, None)?;
/// std::fs::write("photos.onnx", &exported.bytes)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the network takes.
    pub input: Port,
    /// What it gives. A file of weights alone says nothing of it; the network that they are for gives logits.
    pub outputs: Vec<Port>,
}

impl Exported {
    /// A trained network in a format, with its logits adjusted where that is asked for.
    ///
    /// # Errors
    /// [`ExportError`]: for ONNX of an encoder from outside the crate, an adjustment that means or changes nothing, a
    /// network that the format cannot hold.
    pub fn of(
        trained: &Trained,
        format: Format,
        adjustment: Option<Adjustment>,
    ) -> Result<Self, ExportError> {
        let shift = adjustment.map(|adjustment| shift(trained, adjustment)).transpose()?;
        let plain = Plain::of(&trained.network, shift.as_deref());
        let about = about(trained, &plain, adjustment);
        let size = trained.recipe.data.image_size;
        let port = |name, shape: &[usize]| {
            let fixed = shape.iter().copied().map(Size::Fixed);
            Port { name, shape: [Size::Images].into_iter().chain(fixed).collect() }
        };
        let input = port("images", &[3, size, size]);
        let mut outputs = vec![port("logits", &[trained.class_names.len()])];
        if format == Format::Onnx {
            outputs.push(port("probabilities", &[trained.class_names.len()]));
            outputs.push(port("features", &[plain.features]));
        }
        let bytes = match format {
            Format::Safetensors => to_safetensors(&plain.state, about)?,
            Format::Pth => pth::to_pth(&plain.state, &about)?,
            Format::Onnx => {
                let encoder = trained.encoder.clone();
                let layout = plain.layout.as_ref().ok_or(ExportError::OwnEncoder { encoder })?;
                let views = &trained.recipe.views;
                let normalize = Normalize { mean: views.mean, std: views.std };
                onnx::to_onnx(
                    &plain,
                    layout,
                    &normalize,
                    [std::slice::from_ref(&input), &outputs],
                    about,
                )?
            }
        };
        Ok(Self { bytes, input, outputs })
    }
}

/// −τ log π of every class.
fn shift(trained: &Trained, Adjustment { tau }: Adjustment) -> Result<Vec<f32>, ExportError> {
    let prior = normalised(&trained.prior);
    let of = |pick: fn(f64, f64) -> f64| prior.iter().copied().reduce(pick).unwrap_or(1.0);
    if of(f64::max) <= of(f64::min) * ALIKE {
        let method = trained.recipe.method.to_string();
        return Err(ExportError::NothingToAdjust { method });
    }
    let shift: Vec<f32> = prior.iter().map(|p| (-tau * p.ln()) as f32).collect();
    if shift.iter().all(|by| by.is_finite()) { Ok(shift) } else { Err(ExportError::Tau { tau }) }
}

fn normalised(prior: &[f64]) -> Vec<f64> {
    let sum: f64 = prior.iter().sum();
    prior.iter().map(|p| p / sum).collect()
}

/// What the file says of the network.
fn about(
    trained: &Trained,
    plain: &Plain,
    adjustment: Option<Adjustment>,
) -> BTreeMap<String, String> {
    let mut about = trained.about();
    let more = [
        ("classifier", plain.classifier.to_owned()),
        ("logit_prior", serde_json::json!(normalised(&trained.prior)).to_string()),
        ("split_hash", trained.split_hash.clone()),
        ("weights", trained.origin.to_string()),
    ];
    about.extend(more.map(|(key, value)| (key.to_owned(), value)));
    about.extend(adjustment.map(|by| ("adjusted_by_tau".to_owned(), by.tau.to_string())));
    about
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Images => serializer.serialize_str("N"),
            Self::Fixed(size) => serializer.serialize_u64(*size as u64),
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = |size: &Size| match size {
            Size::Images => "N".to_owned(),
            Size::Fixed(size) => size.to_string(),
        };
        let sizes: Vec<_> = self.shape.iter().map(size).collect();
        write!(f, "{} [{}]", self.name, sizes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use prost::Message;

    use super::{super::onnx::proto, *};
    use crate::{
        device,
        method::parts,
        model::{
            Network,
            weights::{Weights, from_safetensors, state},
        },
        recipe::{Recipe, RecipeFile},
        trained::{Origin, Reason},
    };

    /// A network that nobody trained, whose logits hold `prior`.
    fn trained(prior: &[f64]) -> Trained {
        let layer = RecipeFile::parse("method.name = \"bcl\"", "a test").unwrap();
        let recipe = Recipe::resolve(&[layer]).unwrap().0;
        let config = parts::network(&recipe.settings(), prior.len(), Some(true));
        Trained {
            network: Network::new(&config, 0, &device::cpu()).unwrap(),
            class_names: (0..prior.len()).map(|class| format!("class \"{class}\"")).collect(),
            split_hash: "1f".into(),
            encoder: config.encoder.to_string(),
            origin: Origin { epoch: 2, epochs: 3, stopped_at: None, reason: Reason::Last },
            prior: prior.to_vec(),
            recipe,
        }
    }

    fn read(exported: &Exported) -> (BTreeMap<String, Weights>, BTreeMap<String, String>) {
        let read = from_safetensors(&exported.bytes, Path::new("memory")).unwrap();
        (read.state, read.metadata)
    }

    #[test]
    fn weights_are_the_networks_without_the_heads_of_training() {
        let trained = trained(&[1.0; 3]);
        let exported = Exported::of(&trained, Format::Safetensors, None).unwrap();
        let (found, about) = read(&exported);
        let mut own = state(&trained.network);
        assert!(own.keys().any(|name| name.starts_with("head.")));
        own.retain(|name, _| !name.starts_with("head"));
        assert_eq!(found, own);
        let size = trained.recipe.data.image_size;
        assert_eq!(exported.input.to_string(), format!("images [N, 3, {size}, {size}]"));
        let names: Vec<String> = serde_json::from_str(&about["class_names"]).unwrap();
        assert_eq!(names, trained.class_names);
        assert_eq!((&about["classifier"][..], &about["split_hash"][..]), ("linear", "1f"));
        assert_eq!(about["weights"], "weights of epoch 3 of 3, the last");
        assert!(!about.contains_key("adjusted_by_tau"));
    }

    #[test]
    fn an_adjusted_classifier_has_another_bias() {
        let trained = trained(&[6.0, 3.0, 1.0]);
        let of = |adjustment| {
            let exported = Exported::of(&trained, Format::Safetensors, adjustment).unwrap();
            read(&exported)
        };
        let ((plain, _), (adjusted, about)) = (of(None), of(Some(Adjustment { tau: 0.5 })));
        for (class, p) in [0.6_f64, 0.3, 0.1].into_iter().enumerate() {
            let [before, after] = [&plain, &adjusted].map(|s| s["fc.bias"].values[class]);
            assert!((f64::from(after - before) + 0.5 * p.ln()).abs() < 1e-6, "class {class}");
        }
        assert_eq!(plain["fc.weight"], adjusted["fc.weight"]);
        assert_eq!(about["adjusted_by_tau"], "0.5");
        assert_eq!(about["logit_prior"], "[0.6,0.3,0.1]");
        let said = |prior: &[f64], tau| {
            let adjusted =
                Exported::of(&self::trained(prior), Format::Onnx, Some(Adjustment { tau }));
            adjusted.unwrap_err().to_string()
        };
        for tau in [f64::NAN, f64::INFINITY, 1e60] {
            assert!(said(&[6.0, 3.0], tau).contains("choose a number such as 1"), "{tau}");
        }
        assert!(said(&[1.0, 1.0], 1.0).contains("method bcl hold all classes alike"));
    }

    #[test]
    fn graphs_carry_what_the_weights_file_says() {
        let trained = trained(&[1.0; 3]);
        let exported = Exported::of(&trained, Format::Onnx, None).unwrap();
        let model = proto::Model::decode(&exported.bytes[..]).unwrap();
        let of_graph: BTreeMap<_, _> =
            model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
        let (_, about) = read(&Exported::of(&trained, Format::Safetensors, None).unwrap());
        for (key, value) in about.iter().filter(|(key, _)| *key != "format") {
            assert_eq!(of_graph.get(key), Some(value), "{key}");
        }
        assert_eq!(
            serde_json::to_value(&exported.outputs[1]).unwrap(),
            serde_json::json!({ "name": "probabilities", "shape": ["N", 3] })
        );
        let again = Exported::of(&trained, Format::Onnx, None).unwrap();
        assert!(exported.bytes == again.bytes, "the same bytes every time");
    }
}
