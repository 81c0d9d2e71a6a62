//! A picture of features in the plane, in which the tail can be told from the head.

mod heaps;
mod png;
mod svg;

use heaps::Heap;

use super::{ClassInfo, ReportError};
use crate::eval::{Embedding2d, EvalError};

/// The points of an embedding, coloured by class, those of tail classes as outlined diamonds.
///
/// Up to ten classes with images have a colour each, of Petroff's ten that eyes without full colour vision tell apart
/// (Petroff 2021, arXiv:2107.02270). More have the colours of many, medium and few shot, or, where that tells nothing, of
/// the third of the classes with the most training images, the middle one and the third with the fewest. Tail classes are
/// the few-shot ones; where there are none, or nothing else, the rarest third; where all are as rare, none.
///
/// At most 5,000 points are drawn, evenly taken from those of each colour and rather more of the rarer ones; what is left out
/// is said. The same points give the same bytes.
///
/// ```
/// use longtail::{eval::{Embedding2d, ShotThresholds}, report::{ClassInfo, EmbeddingPicture}};
///
/// let points = vec![[0.0, 0.0], [1.0, 3.0], [8.0, 8.0]];
/// let embedding = Embedding2d { points, perplexity: 1.0, divergence: 0.2 };
/// let names = ["cat".to_owned(), "lynx".to_owned()];
/// let classes = ClassInfo::list(&names, &[500, 5], &ShotThresholds::default());
/// let picture = EmbeddingPicture::new(&embedding, &[0, 0, 1], &classes, "Test images by t-SNE")?;
/// assert!(picture.svg().contains("<title>lynx</title>"));
/// assert!(picture.png(600)?.starts_with(b"\x89PNG"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingPicture {
    title: String,
    description: String,
    heaps: Vec<Heap>,
}

impl EmbeddingPicture {
    /// Of points with the classes `labels`, which stand in `classes`.
    ///
    /// # Errors
    /// If points and labels do not belong together, if a label has no class, or if a coordinate is not finite.
    pub fn new(
        embedding: &Embedding2d,
        labels: &[u32],
        classes: &[ClassInfo],
        title: impl Into<String>,
    ) -> Result<Self, EvalError> {
        let (what, points) = ("points", &embedding.points);
        if points.len() != labels.len() {
            return Err(EvalError::Rows { what, labels: labels.len(), rows: points.len() });
        }
        EvalError::check_classes("label", labels, classes.len())?;
        if let Some(image) = points.iter().position(|[x, y]| !(x.is_finite() && y.is_finite())) {
            return Err(EvalError::NotFinite { what, image });
        }
        let heaps = heaps::of(points, labels, classes);
        let drawn: usize = heaps.iter().map(|heap| heap.points.len()).sum();
        let description = description(embedding, drawn, &heaps);
        Ok(Self { title: title.into(), description, heaps })
    }

    /// As an SVG file of its own, on white, of at most some 200 kB.
    pub fn svg(&self) -> String {
        svg::file(self)
    }

    /// As an `svg` element within HTML, in the colours of the page: text and outlines in its `currentColor`, shots in
    /// `--many`, `--medium` and `--few`, where it has them.
    pub fn inline_svg(&self) -> String {
        svg::inline(self)
    }

    /// As a PNG file on white, the points within `side` × `side` pixels, 64 at least and 8,192 at most. It has no text: its
    /// key, at the right, is colours and marks in the order of [`svg`](Self::svg)'s.
    ///
    /// # Errors
    /// [`ReportError::Picture`] if it cannot be encoded.
    pub fn png(&self, side: u32) -> Result<Vec<u8>, ReportError> {
        png::file(self, side.clamp(64, 8192)).map_err(ReportError::Picture)
    }
}

/// What a reader is told who cannot see the picture.
fn description(embedding: &Embedding2d, drawn: usize, heaps: &[Heap]) -> String {
    let count = embedding.points.len();
    let of = match drawn == count {
        true => format!("{count} images"),
        false => format!("{drawn} of {count} images, rather more of the rare classes,"),
    };
    let tail = heaps.iter().filter(|heap| heap.is_tail).map(|heap| heap.name.as_str());
    let tail = match tail.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => String::new(),
        names => format!(" Outlined diamonds are the tail: {names}."),
    };
    let Embedding2d { perplexity, divergence, .. } = embedding;
    format!(
        "{of} as points that lie near where features are near, by t-SNE (perplexity {perplexity:.0}, divergence {divergence:.2}). Distances between heaps and their sizes mean little.{tail}"
    )
}
