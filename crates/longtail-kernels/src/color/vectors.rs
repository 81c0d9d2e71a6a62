//! The same in loops over many pixels that compilers turn into vectors, each for the instructions of its caller.

use super::luma;

/// Pixels that are worked off together, colour by colour.
const BLOCK: usize = 64;

/// A block's bytes of one colour.
type Plane = [u8; BLOCK];

// No closures: they would be compiled on their own, without the caller's instructions.

#[inline(always)]
pub(super) fn turn_hue(pixels: &mut [u8], shift: u8) {
    let mut planes = [[0; BLOCK]; 3];
    for block in pixels.as_chunks_mut::<3>().0.chunks_mut(BLOCK) {
        take_apart(block, &mut planes);
        turn_block(&mut planes, i32::from(shift));
        put_together(&planes, block);
    }
}

#[inline(always)]
pub(super) fn saturate(pixels: &mut [u8], factor: f32) {
    if !factor.is_finite() {
        return;
    }
    let mut planes = [[0; BLOCK]; 3];
    for block in pixels.as_chunks_mut::<3>().0.chunks_mut(BLOCK) {
        take_apart(block, &mut planes);
        saturate_block(&mut planes, factor);
        put_together(&planes, block);
    }
}

#[inline(always)]
pub(super) fn luma_sum(pixels: &[u8]) -> u64 {
    // A block's sum has room in 32 bits.
    let blocks = pixels.as_chunks::<3>().0.chunks(BLOCK);
    let sum = |block: &[[u8; 3]]| block.iter().map(|pixel| u32::from(luma(*pixel))).sum::<u32>();
    blocks.map(|block| u64::from(sum(block))).sum()
}

/// Pixels into colours; behind the last the planes stay as they were.
#[inline(always)]
fn take_apart(block: &[[u8; 3]], [red, green, blue]: &mut [Plane; 3]) {
    for (i, [r, g, b]) in block.iter().enumerate() {
        (red[i], green[i], blue[i]) = (*r, *g, *b);
    }
}

#[inline(always)]
fn put_together([red, green, blue]: &[Plane; 3], block: &mut [[u8; 3]]) {
    for (i, pixel) in block.iter_mut().enumerate() {
        *pixel = [red[i], green[i], blue[i]];
    }
}

#[inline(always)]
fn turn_block([red, green, blue]: &mut [Plane; 3], shift: i32) {
    let [mut hues, mut saturations, mut values] = [[0; BLOCK]; 3];
    for i in 0..BLOCK {
        let (r, g, b) = (i32::from(red[i]), i32::from(green[i]), i32::from(blue[i]));
        values[i] = r.max(g).max(b);
        let range = values[i] - r.min(g).min(b);
        hues[i] = (hue(r, g, b, values[i], range) + shift) & 0xff;
        let saturation = range as f32 / values[i].max(1) as f32;
        // SAFETY: the range is at most the value, so that their quotient is from 0 to 1.
        saturations[i] = unsafe { whole(f64::from(saturation) * 255.0) };
    }
    let [mut reds, mut greens, mut blues] = [[0; BLOCK]; 3];
    for i in 0..BLOCK {
        (reds[i], greens[i], blues[i]) = from_hsv(hues[i], saturations[i], values[i]);
    }
    for i in 0..BLOCK {
        (red[i], green[i], blue[i]) = (reds[i] as u8, greens[i] as u8, blues[i] as u8);
    }
}

/// The hue of a pixel whose brightest colour is `max`, `range` above its darkest; grey has 0.
#[inline(always)]
fn hue(r: i32, g: i32, b: i32, max: i32, range: i32) -> i32 {
    let divisor = range.max(1) as f32;
    let red = f64::from((max - r) as f32 / divisor);
    let green = f64::from((max - g) as f32 / divisor);
    let blue = f64::from((max - b) as f32 / divisor);
    // Two of these in double precision, kept in single precision; the first is exact before that in either.
    let between = if g == max { 2.0 + red - blue } else { 4.0 + green - red };
    let sector = if r == max { blue - green } else { between };
    let turned = f64::from(sector as f32) / 6.0 + 1.0;
    let hue = if turned >= 1.0 { turned - 1.0 } else { turned };
    // SAFETY: the distances are from 0 to 1 and the sector from -1 to 5, so that the hue is from 0 to 1.
    unsafe { whole(f64::from(hue as f32) * 255.0) }
}

#[inline(always)]
fn from_hsv(hue: i32, saturation: i32, value: i32) -> (i32, i32, i32) {
    // Quotients of whole numbers below 256 by 255 are the same numbers if computed in single precision.
    let sector = hue * 6 / 255;
    let part = f64::from((hue * 6 - sector * 255) as f32 / 255.0);
    let v = f64::from(value);
    let s = f64::from(saturation as f32 / 255.0);
    // SAFETY: the saturation and the part are from 0 to 1, so that these are from 0 to the value.
    let (p, q, t) = unsafe {
        (
            rounded(v * (1.0 - s)),
            rounded(v * (1.0 - s * part)),
            rounded(v * (1.0 - s * (1.0 - part))),
        )
    };
    let v = value;
    // Without saturation all of these are the value. A whole turn is the first sector again.
    let choose = |at: i32, chosen: i32, other: i32| if sector == at { chosen } else { other };
    let red = choose(1, q, choose(2, p, choose(3, p, choose(4, t, v))));
    let green = choose(1, v, choose(2, v, choose(3, q, choose(4, p, choose(5, p, t)))));
    let blue = choose(2, t, choose(3, v, choose(4, v, choose(5, q, p))));
    (red, green, blue)
}

/// The whole part of a number. One that checks its range keeps the loops from half their speed.
///
/// # Safety
/// The number must be from 0 to 256.
#[inline(always)]
unsafe fn whole(number: f64) -> i32 {
    // SAFETY: the caller's duty.
    unsafe { number.to_int_unchecked() }
}

/// A number rounded, halves up.
///
/// # Safety
/// The number must be from 0 to 256.
#[inline(always)]
unsafe fn rounded(number: f64) -> i32 {
    // SAFETY: the caller's duty.
    let below = unsafe { whole(number) };
    below + i32::from(number - f64::from(below) >= 0.5)
}

#[inline(always)]
fn saturate_block([red, green, blue]: &mut [Plane; 3], factor: f32) {
    for i in 0..BLOCK {
        let grey = i32::from(luma([red[i], green[i], blue[i]]));
        let blend = |v: u8| {
            let blended = grey as f32 + factor * (i32::from(v) - grey) as f32;
            // SAFETY: the factor is finite, and so are its products with what fits into 9 bits, or they are infinite
            // and cut.
            unsafe { blended.clamp(0.0, 255.0).to_int_unchecked::<i32>() as u8 }
        };
        [red[i], green[i], blue[i]] = [red[i], green[i], blue[i]].map(blend);
    }
}
