//! CMYK to RGB without colour profiles, as Pillow's `convert("RGB")` does it.

/// RGB of one pixel, ink from 0 (none) to 255.
pub(super) fn to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(black);
    [cyan, magenta, yellow].map(|ink| (light - rounded_product(u32::from(ink), light)) as u8)
}

/// `a · b / 255`, rounded, for factors up to 255.
fn rounded_product(a: u32, b: u32) -> u32 {
    let product = a * b + 128;
    ((product >> 8) + product) >> 8
}
