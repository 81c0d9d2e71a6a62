//! What a run tells: one line per epoch, the final figures, the tables and the page.

mod analyses;
mod called;
mod columns;
mod embedding;
mod error;
pub(crate) mod gallery;
mod json;
mod left_out;
mod logs;
mod metrics;
mod parts;
mod predictions;
mod recovery;
mod scored;
mod sheet;
mod summary;
mod table;
mod text;

pub mod compare;
pub mod html;

pub use analyses::{AnalysedSet, Analyses, BestAnalysis};
pub use called::Called;
pub use embedding::EmbeddingPicture;
pub use error::ReportError;
pub use gallery::{Gallery, Picture, RareClass, Tested};
pub use left_out::LeftOut;
pub use logs::{LogKind, LoggedEnd, LoggedRun, Logs};
pub(crate) use metrics::LARGEST as LARGEST_LOG;
pub use metrics::{EpochRecord, LogState, MetricsLog};
pub use parts::LossParts;
pub use predictions::{
    Answer, Candidate, Prediction, PredictionFormat, PredictionWriter, Unanswered,
};
pub use recovery::Recovered;
pub use scored::{ScoredFormat, ScoredImages, ScoredOptions};
pub(crate) use sheet::Sheet;
pub use summary::{Best, ClassInfo, Outcome, Summary, Weights};
pub use table::class_table;
pub(crate) use text::wrapped;
pub use text::{json_line, printable, printable_lines};

pub use crate::atomic::{WholeFile, WriteError};
pub use crate::counted::counted;
pub use crate::duration::{duration, rough_duration};
