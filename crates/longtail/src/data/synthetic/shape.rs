use std::fmt;

use super::paint::{fraction, is_odd};

/// What an object is, in coordinates where it fills the unit disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Disc,
    Square,
    Triangle,
    Star,
    Cross,
    Ring,
}

/// How an object's surface is patterned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texture {
    Plain,
    Striped,
    Checked,
    Dotted,
}

/// Corners of a five-pointed star, as literals so that they are the same on every platform.
const STAR: [[f32; 2]; 10] = [
    [0.0, 1.0],
    [0.246_8, 0.339_7],
    [0.951_1, 0.309_0],
    [0.399_4, -0.129_8],
    [0.587_8, -0.809_0],
    [0.0, -0.42],
    [-0.587_8, -0.809_0],
    [-0.399_4, -0.129_8],
    [-0.951_1, 0.309_0],
    [-0.246_8, 0.339_7],
];
const TRIANGLE: [[f32; 2]; 3] = [[0.0, 1.0], [0.866_0, -0.5], [-0.866_0, -0.5]];

/// Square of a radius beyond every shape: most points lie outside most objects.
pub(super) const FARTHEST: f32 = 1.04;

impl Shape {
    pub(super) const ALL: [Self; 6] =
        [Self::Disc, Self::Square, Self::Triangle, Self::Star, Self::Cross, Self::Ring];

    /// Whether the point lies in the shape.
    pub(super) fn contains(self, [u, v]: [f32; 2]) -> bool {
        let radius = u * u + v * v;
        if radius > FARTHEST {
            return false;
        }
        match self {
            Self::Disc => radius < 0.72,
            Self::Square => u.abs().max(v.abs()) < 0.72,
            Self::Triangle => in_polygon(&TRIANGLE, [u, v]),
            Self::Star => in_polygon(&STAR, [u, v]),
            Self::Cross => u.abs().min(v.abs()) < 0.32 && u.abs().max(v.abs()) < 0.92,
            Self::Ring => (0.25..0.95).contains(&radius),
        }
    }
}

impl Texture {
    pub(super) const ALL: [Self; 4] = [Self::Plain, Self::Striped, Self::Checked, Self::Dotted];

    /// Whether the point has the second of the object's two colours.
    pub(super) fn is_second(self, [u, v]: [f32; 2], frequency: f32) -> bool {
        let [a, b] = [u * frequency, v * frequency];
        match self {
            Self::Plain => false,
            Self::Striped => is_odd(a),
            Self::Checked => is_odd(a) != is_odd(b),
            Self::Dotted => {
                let [x, y] = [a, b].map(|x| fraction(x * 0.8) - 0.5);
                x * x + y * y < 0.1
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disc => "disc",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Cross => "cross",
            Self::Ring => "ring",
        })
    }
}

impl fmt::Display for Texture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Striped => "striped",
            Self::Checked => "checked",
            Self::Dotted => "dotted",
        })
    }
}

/// Even-odd rule.
fn in_polygon(corners: &[[f32; 2]], [u, v]: [f32; 2]) -> bool {
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let crosses = (corner[1] > v) != (previous[1] > v);
        let slope = || (previous[0] - corner[0]) / (previous[1] - corner[1]);
        if crosses && u < slope() * (v - corner[1]) + corner[0] {
            inside = !inside;
        }
        previous = corner;
    }
    inside
}
