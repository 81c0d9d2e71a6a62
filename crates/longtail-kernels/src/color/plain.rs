//! The reference: one pixel after the other.

use super::luma;

pub(super) fn turn_hue(pixels: &mut [u8], shift: u8) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = from_hsv([hue.wrapping_add(shift), saturation, value]);
    }
}

fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max == min {
        return [0, 0, max];
    }
    let range = f32::from(max - min);
    let saturation = range / f32::from(max);
    let distance = |v: u8| f32::from(max - v) / range;
    let (rc, gc, bc) = (distance(r), distance(g), distance(b));
    // Pillow computes these in double precision and keeps them in single precision.
    let sector = if r == max {
        bc - gc
    } else if g == max {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let turned = f64::from(sector) / 6.0 + 1.0;
    let hue = (if turned >= 1.0 { turned - 1.0 } else { turned }) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, max]
}

fn from_hsv([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    let turned = f64::from(hue) * 6.0 / 255.0;
    let part = f64::from((turned - turned.floor()) as f32);
    let v = f64::from(value);
    let s = f64::from((f64::from(saturation) / 255.0) as f32);
    let p = (v * (1.0 - s)).round() as u8;
    let q = (v * (1.0 - s * part)).round() as u8;
    let t = (v * (1.0 - s * (1.0 - part))).round() as u8;
    match (saturation, turned.floor() as u8 % 6) {
        (0, _) => [value; 3],
        (_, 0) => [value, t, p],
        (_, 1) => [q, value, p],
        (_, 2) => [p, value, t],
        (_, 3) => [p, q, value],
        (_, 4) => [t, p, value],
        _ => [value, p, q],
    }
}

pub(super) fn saturate(pixels: &mut [u8], factor: f32) {
    if !factor.is_finite() {
        return;
    }
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let grey = i16::from(luma(*pixel));
        // Fractions are dropped.
        let blend = |v: u8| (f32::from(grey) + factor * f32::from(i16::from(v) - grey)) as u8;
        *pixel = pixel.map(blend);
    }
}

pub(super) fn luma_sum(pixels: &[u8]) -> u64 {
    pixels.as_chunks::<3>().0.iter().map(|pixel| u64::from(luma(*pixel))).sum()
}
