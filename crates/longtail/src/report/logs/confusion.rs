//! The confusion matrix as a picture.

use crate::{
    eval::Confusion,
    raster::{Effort, png},
    report::{ReportError, ScoredImages, Summary},
};

/// Pixels of a side at most; classes beyond share them.
const SIDE: usize = 1024;
/// Pixels of a class at most, with the line beside it.
const CELL: usize = 32;
/// From no image to all of the class.
const RAMP: [[f64; 3]; 2] = [[255.0, 255.0, 255.0], [8.0, 48.0, 107.0]];
/// Of a class without an image.
const UNTESTED: [u8; 3] = [236, 200, 200];
const LINE: [u8; 3] = [224, 224, 224];

/// A square picture.
pub(super) struct Picture {
    pub side: usize,
    pub png: Vec<u8>,
}

/// Row: the class of an image; column: what it is called; both from head to tail, by training images. The darker, the more
/// of the class's images; a row without an image is red.
pub(super) fn picture(scored: &ScoredImages, summary: &Summary) -> Result<Picture, ReportError> {
    let outputs = scored.outputs();
    let classes = scored.class_names().len();
    let failed = |error: String| ReportError::Predictions(std::io::Error::other(error));
    let confusion = Confusion::of(&outputs.labels, &outputs.predictions(), classes)
        .map_err(|error| failed(error.to_string()))?;
    let known = summary.classes.len();
    let of_summary = summary.head_to_tail().into_iter().filter(|&class| class < classes);
    let order: Vec<usize> = of_summary.chain(known..classes).collect();
    let cells = cells(&confusion, &order);
    let (side, pixels) = pixels(&cells, classes);
    let png = png(&pixels, [side; 2], Effort::Quick).map_err(|error| failed(error.to_string()))?;
    Ok(Picture { side, png })
}

/// A cell of the matrix that is shown: images in it, and of its row.
#[derive(Clone, Copy, Default)]
struct Cell {
    images: usize,
    of_row: usize,
}

/// The matrix in this order, with so many neighbours in one cell that it is not too large.
fn cells(confusion: &Confusion, order: &[usize]) -> Vec<Vec<Cell>> {
    let shown = order.len().min(SIDE);
    let mut places = vec![0; order.len()];
    let place = |place: usize| place * shown / order.len().max(1);
    order.iter().enumerate().for_each(|(at, &class)| places[class] = place(at));
    let mut cells = vec![vec![Cell::default(); shown]; shown];
    for &(label, prediction, images) in confusion.pairs() {
        let row = &mut cells[places[label as usize]];
        row[places[prediction as usize]].images += images;
        row.iter_mut().for_each(|cell| cell.of_row += images);
    }
    cells
}

/// Side and RGB bytes of the picture; cells with room for one have a line beside and below.
fn pixels(cells: &[Vec<Cell>], classes: usize) -> (usize, Vec<u8>) {
    let cell = (SIDE / classes.max(1)).clamp(1, CELL);
    let side = (cells.len() * cell).max(1);
    let mut pixels = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let is_line = cell > 3 && (x % cell == cell - 1 || y % cell == cell - 1);
            let of = cells.get(y / cell).and_then(|row| row.get(x / cell)).copied();
            pixels.extend(if is_line { LINE } else { colour(of.unwrap_or_default()) });
        }
    }
    (side, pixels)
}

fn colour(Cell { images, of_row }: Cell) -> [u8; 3] {
    if of_row == 0 {
        return UNTESTED;
    }
    let share = images as f64 / of_row as f64;
    let [low, high] = RAMP;
    std::array::from_fn(|at| (low[at] + (high[at] - low[at]) * share).round() as u8)
}
