use image::ImageResult;

use super::{EmbeddingPicture, heaps::Heap};
use crate::raster::{Effort, png};

/// Shares of the side: the margin, the width of the key and a line of it, half a dot and half a diamond.
const MARGIN: f32 = 1.0 / 60.0;
const KEY: f32 = 1.0 / 15.0;
const LINE: f32 = 1.0 / 25.0;
const DOT: f32 = 1.0 / 300.0;
const DIAMOND: f32 = 1.0 / 130.0;
/// Width of a diamond's outline.
const OUTLINE: f32 = 1.0 / 600.0;
const INK: [u8; 3] = [0x1b, 0x1f, 0x24];

pub(super) fn file(picture: &EmbeddingPicture, side: u32) -> ImageResult<Vec<u8>> {
    let mut canvas = Canvas::new(side);
    let side = side as f32;
    let room = side * (1.0 - 2.0 * MARGIN);
    for heap in &picture.heaps {
        for [x, y] in &heap.points {
            let at = [*x as f32, 1.0 - *y as f32].map(|share| side * MARGIN + share * room);
            canvas.mark(heap, at);
        }
    }
    for (place, heap) in (1_u8..).zip(&picture.heaps) {
        canvas.mark(heap, [side * (1.0 + KEY / 2.0), side * LINE * f32::from(place)]);
    }
    canvas.encoded()
}

/// Pixels on white.
struct Canvas {
    side: f32,
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(side: u32) -> Self {
        let width = side + (side as f32 * KEY) as u32;
        let pixels = vec![0xff; width as usize * side as usize * 3];
        Self { side: side as f32, width, height: side, pixels }
    }

    /// A dot, or the diamond of the tail.
    fn mark(&mut self, heap: &Heap, at: [f32; 2]) {
        let colour = heap.colour.rgb;
        if !heap.is_tail {
            let radius = (self.side * DOT).max(0.7);
            return self.fill(at, radius, colour, |x, y| (x * x + y * y).sqrt() - radius);
        }
        let (radius, outline) = ((self.side * DIAMOND).max(1.5), (self.side * OUTLINE).max(0.5));
        let edge = |x: f32, y: f32| (x.abs() + y.abs() - radius) / 2_f32.sqrt();
        self.fill(at, radius, INK, edge);
        self.fill(at, radius, colour, |x, y| edge(x, y) + outline);
    }

    /// A shape within `radius` of `at`, whose inside is where `edge`, in pixels from its own middle, is below 0.
    fn fill(&mut self, at: [f32; 2], radius: f32, colour: [u8; 3], edge: impl Fn(f32, f32) -> f32) {
        let reach = |at: f32, length: u32| {
            let end = (at + radius + 1.0).max(0.0) as u32;
            (at - radius - 1.0).max(0.0) as u32..end.saturating_add(1).min(length)
        };
        for y in reach(at[1], self.height) {
            for x in reach(at[0], self.width) {
                let from = |pixel: u32, at: f32| pixel as f32 + 0.5 - at;
                let covered = (0.5 - edge(from(x, at[0]), from(y, at[1]))).clamp(0.0, 1.0);
                let first = (y as usize * self.width as usize + x as usize) * 3;
                for (value, colour) in self.pixels[first..first + 3].iter_mut().zip(colour) {
                    let mixed = f32::from(*value) * (1.0 - covered) + f32::from(colour) * covered;
                    *value = mixed.round() as u8;
                }
            }
        }
    }

    fn encoded(&self) -> ImageResult<Vec<u8>> {
        png(&self.pixels, [self.height, self.width].map(|side| side as usize), Effort::Quick)
    }
}
