//! The paper's tables and figures made again: what is missing is trained, and ours stands beside the paper's, cell by cell.

mod cells;
mod figure1;
mod figure3;
mod files;
mod images;
mod plan;
mod published;
mod read;
mod tables;

pub use cells::{Cell, Filled, FilledRow, Ours, Stance};
pub use figure1::{Figure1, METHODS as FIGURE_1_METHODS};
pub use figure3::{Embedding, Figure3};
pub use plan::{Reproduction, Shelf, StandIn, Target, targets};
pub(super) use published::published;
pub use tables::{
    BALANCED, CHI, Column, DBI, HARMONIC, OVERLAP, Row, TABLES, Table, printed, title,
};
