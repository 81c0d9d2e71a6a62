//! The reference: one pixel after the other.

use super::{Part, Planes, Sampling};

/// Writes a part of the image of `planes` to `rgb`.
pub(super) fn to_rgb(planes: &Planes, part: &Part, rgb: &mut [u8]) {
    let width = part.columns.len();
    for (at, pixel) in rgb.as_chunks_mut().0.iter_mut().enumerate() {
        let [row, column] = [part.rows.start + at / width, part.columns.start + at % width];
        let luma = planes.planes[0].row(row)[column];
        let [blue, red] = [1, 2].map(|component| chroma(planes, component, row, column));
        *pixel = colour(luma, blue, red);
    }
}

/// The chroma at a pixel: three quarters of the nearer sample and one of the farther, both ways.
fn chroma(planes: &Planes, component: usize, row: usize, column: usize) -> u8 {
    let plane = &planes.planes[component];
    // The sample at the image's edge stands for what would lie beyond.
    let near = column / 2;
    let odd = column % 2 == 1;
    let far = if odd { (near + 1).min(plane.columns - 1) } else { near.saturating_sub(1) };
    match planes.sampling {
        Sampling::Full => plane.row(row)[column],
        Sampling::Across => {
            let [near, far] = [near, far].map(|column| u32::from(plane.row(row)[column]));
            // The outermost are exact whichever way they are rounded.
            ((3 * near + far + 1 + u32::from(odd)) / 4) as u8
        }
        Sampling::Both => {
            let [own, other] = planes.between(row).map(|row| plane.row(row));
            let [near, far] = [near, far].map(|c| 3 * u32::from(own[c]) + u32::from(other[c]));
            ((3 * near + far + 8 - u32::from(odd)) / 16) as u8
        }
    }
}

/// RGB of luma and the differences of blue and red, whose factors have 16 bits behind the point.
pub(super) fn colour(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let [luma, blue, red] = [i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128];
    let rounded = |scaled: i32| (scaled + (1 << 15)) >> 16;
    [
        luma + rounded(91_881 * red),
        luma + rounded(-22_554 * blue - 46_802 * red),
        luma + rounded(116_130 * blue),
    ]
    .map(|value| value.clamp(0, 255) as u8)
}
