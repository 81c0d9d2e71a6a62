use std::ops::Range;

use rand::{Rng, RngExt};

use super::{
    SIDE,
    paint::{Color, any_color, color_near, color_unlike, direction, fraction, is_odd, lean, mix},
    shape::{FARTHEST, Shape, Texture},
};

/// Samples of a pixel along each axis.
const SAMPLES: usize = 2;
const SAMPLES_OF_ROW: usize = SIDE * SAMPLES;
/// Largest number of clutter shapes.
const CLUTTER: usize = 3;
/// Probability that an object has the colour that its class leans to.
const TYPICAL: f64 = 0.75;

/// Red, yellow, green, blue, purple, grey.
const PALETTE: [Color; 6] = [
    [0.85, 0.2, 0.15],
    [0.9, 0.8, 0.2],
    [0.2, 0.65, 0.25],
    [0.15, 0.35, 0.85],
    [0.6, 0.25, 0.7],
    [0.55, 0.55, 0.55],
];

/// Everything of one image but its noise.
pub(super) struct Scene {
    object: Object,
    clutter: Vec<Object>,
    background: Background,
    noise: f32,
}

struct Object {
    shape: Shape,
    texture: Texture,
    colors: [Color; 2],
    centre: [f32; 2],
    /// From pixels to the shape's own coordinates.
    inverse: [[f32; 2]; 2],
    frequency: f32,
    /// How much darker the object gets along an axis of its own.
    shading: f32,
}

struct Background {
    colors: [Color; 2],
    along: [f32; 2],
    kind: BackgroundKind,
    period: f32,
}

enum BackgroundKind {
    Gradient,
    Striped,
    Checked,
    Dotted,
}

impl Scene {
    /// Draws all that varies within a class.
    pub(super) fn draw(shape: Shape, texture: Texture, rng: &mut impl Rng) -> Self {
        let background = Background::draw(rng);
        let radius = rng.random_range(9.0..13.0);
        let margin = radius * 0.85;
        let centre = std::array::from_fn(|_| rng.random_range(margin..SIDE as f32 - margin));
        let first = match rng.random_bool(TYPICAL) {
            true => color_near(typical_color(shape, texture), rng),
            false => color_unlike(&background.colors, 0.7, rng),
        };
        let second = color_unlike(&[first, background.colors[0]], 0.8, rng);
        let turn = lean(rng);
        let object = Object::pose(shape, texture, [first, second], centre, radius, turn, rng);
        let clutter = (0..rng.random_range(0..=CLUTTER)).map(|_| Object::clutter(rng)).collect();
        Self { object, clutter, background, noise: rng.random_range(0.0..0.08) }
    }

    /// Paints the scene into `image`, `[SIDE, SIDE, 3]`.
    pub(super) fn paint(&self, image: &mut [u8], rng: &mut impl Rng) {
        let reaches: Vec<(&Object, [Range<f32>; 2])> =
            self.objects().map(|object| (object, object.reach())).collect();
        let mut near = Vec::with_capacity(reaches.len());
        for (y, row) in image.chunks_exact_mut(SIDE * 3).enumerate() {
            let of_row = reaches.iter().filter(|(_, [_, rows])| meets(rows, y));
            near.clear();
            near.extend(of_row.map(|(object, [columns, _])| (*object, columns)));
            let line = |line: usize| self.background.shares(sample(y * SAMPLES + line));
            let behind: [_; SAMPLES] = std::array::from_fn(line);
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let here = near.iter().filter(|(_, columns)| meets(columns, x));
                let color = self.pixel([x, y], here.map(|(object, _)| *object), &behind);
                for (value, color) in pixel.iter_mut().zip(color) {
                    let noise = rng.random_range(-1.0..1.0_f32) * self.noise;
                    *value = ((color + noise) * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
                }
            }
        }
    }

    /// The object stands before the clutter.
    fn objects(&self) -> impl Iterator<Item = &Object> {
        std::iter::once(&self.object).chain(&self.clutter)
    }

    /// Mean over the samples of a pixel, each of the first object there, or of the background behind them all.
    fn pixel<'a>(
        &self,
        [x, y]: [usize; 2],
        objects: impl Iterator<Item = &'a Object> + Clone,
        behind: &[[f32; SAMPLES_OF_ROW]; SAMPLES],
    ) -> Color {
        let mut sum = [0.0; 3];
        for (line, shares) in behind.iter().enumerate() {
            let first = x * SAMPLES;
            for (column, share) in shares[first..first + SAMPLES].iter().enumerate() {
                let point = [sample(first + column), sample(y * SAMPLES + line)];
                let color = objects
                    .clone()
                    .find_map(|object| object.at(point))
                    .unwrap_or_else(|| self.background.color(*share));
                (0..3).for_each(|c| sum[c] += color[c]);
            }
        }
        sum.map(|v| v / (SAMPLES * SAMPLES) as f32)
    }
}

/// Whether a row or column of pixels may hold what `reach` is of.
fn meets(reach: &Range<f32>, place: usize) -> bool {
    reach.start < (place + 1) as f32 && (place as f32) < reach.end
}

/// Where the samples of a row or column of the image are.
fn sample(index: usize) -> f32 {
    (index as f32 + 0.5) / SAMPLES as f32
}

impl Object {
    /// Turns, stretches and shears the shape.
    fn pose(
        shape: Shape,
        texture: Texture,
        colors: [Color; 2],
        centre: [f32; 2],
        radius: f32,
        [cos, sin]: [f32; 2],
        rng: &mut impl Rng,
    ) -> Self {
        let stretch = rng.random_range(0.75..1.33_f32).sqrt();
        let shear = rng.random_range(-0.25..0.25);
        let (across, down) = (radius * stretch, radius / stretch);
        let row = |x: f32, y: f32| [x + shear * y, y];
        let [a, b] = row(cos / across, -sin / down);
        let [c, d] = row(sin / across, cos / down);
        Self {
            shape,
            texture,
            colors,
            centre,
            inverse: [[a, c], [b, d]],
            frequency: rng.random_range(2.2..3.2),
            shading: rng.random_range(0.0..0.35),
        }
    }

    /// A small object of any shape and texture, anywhere.
    fn clutter(rng: &mut impl Rng) -> Self {
        let shape = Shape::ALL[rng.random_range(0..Shape::ALL.len())];
        let texture = Texture::ALL[rng.random_range(0..Texture::ALL.len())];
        let colors = [any_color(rng), any_color(rng)];
        let centre = std::array::from_fn(|_| rng.random_range(0.0..SIDE as f32));
        let radius = rng.random_range(1.5..4.0);
        let turn = direction(rng);
        Self::pose(shape, texture, colors, centre, radius, turn, rng)
    }

    /// Columns and rows beyond which there is nothing of it: those of the ellipse that becomes the disc of the radius
    /// [`FARTHEST`], which is some hundredths larger than the farthest disc.
    fn reach(&self) -> [Range<f32>; 2] {
        let [[a, b], [c, d]] = self.inverse;
        let scale = FARTHEST / (a * d - b * c).abs();
        let half = [b.hypot(d), a.hypot(c)].map(|length| length * scale);
        std::array::from_fn(|i| self.centre[i] - half[i]..self.centre[i] + half[i])
    }

    fn at(&self, [x, y]: [f32; 2]) -> Option<Color> {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let point = self.inverse.map(|[a, b]| a * dx + b * dy);
        if !self.shape.contains(point) {
            return None;
        }
        let second = self.texture.is_second(point, self.frequency);
        let color = self.colors[usize::from(second)];
        Some(mix(color, [0.0; 3], self.shading * (0.5 + 0.5 * point[1])))
    }
}

/// The colour that a class leans to; each is shared by four classes, so that it names none.
fn typical_color(shape: Shape, texture: Texture) -> Color {
    PALETTE[(shape as usize + 2 * texture as usize) % PALETTE.len()]
}

impl Background {
    fn draw(rng: &mut impl Rng) -> Self {
        let first = any_color(rng);
        Self {
            colors: [first, mix(first, any_color(rng), 0.45)],
            along: direction(rng),
            kind: match rng.random_range(0..4) {
                0 => BackgroundKind::Gradient,
                1 => BackgroundKind::Striped,
                2 => BackgroundKind::Checked,
                _ => BackgroundKind::Dotted,
            },
            period: rng.random_range(3.0..8.0),
        }
    }

    /// How much of the second colour there is at every sample of the row at `y`.
    fn shares(&self, y: f32) -> [f32; SAMPLES_OF_ROW] {
        match self.kind {
            BackgroundKind::Gradient => {
                self.row(y, |[u, _], _| (u / (2.0 * SIDE as f32) + 0.5).clamp(0.0, 1.0))
            }
            BackgroundKind::Striped => self.row(y, |_, [a, _]| f32::from(u8::from(is_odd(a)))),
            BackgroundKind::Checked => {
                self.row(y, |_, [a, b]| f32::from(u8::from(is_odd(a) != is_odd(b))))
            }
            BackgroundKind::Dotted => self.row(y, |_, ab| {
                let [p, q] = ab.map(|x| fraction(x) - 0.5);
                f32::from(u8::from(p * p + q * q < 0.08))
            }),
        }
    }

    /// `share` of the coordinates along and across, and of the same in periods.
    fn row(&self, y: f32, share: impl Fn([f32; 2], [f32; 2]) -> f32) -> [f32; SAMPLES_OF_ROW] {
        let [cos, sin] = self.along;
        std::array::from_fn(|column| {
            let x = sample(column);
            let uv = [x * cos + y * sin, y * cos - x * sin];
            share(uv, uv.map(|length| length / self.period))
        })
    }

    fn color(&self, share: f32) -> Color {
        mix(self.colors[0], self.colors[1], share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn nothing_of_an_object_is_beyond_its_reach() {
        let mut rng = stream(5, Purpose::Synthetic, 9, 9, 9);
        for _ in 0..100 {
            let scene = Scene::draw(Shape::Ring, Texture::Plain, &mut rng);
            for object in scene.objects() {
                let [columns, rows] = object.reach();
                let all = (0..SAMPLES_OF_ROW * SAMPLES_OF_ROW)
                    .map(|i| [sample(i % SAMPLES_OF_ROW), sample(i / SAMPLES_OF_ROW)]);
                let there = all.filter(|point| object.at(*point).is_some());
                let outside = |[x, y]: &[f32; 2]| !(columns.contains(x) && rows.contains(y));
                assert_eq!(there.filter(outside).count(), 0, "{columns:?} {rows:?}");
            }
        }
    }
}
