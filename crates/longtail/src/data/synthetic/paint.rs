use rand::{Rng, RngExt};

/// Red, green, blue in [0, 1].
pub(super) type Color = [f32; 3];

/// Tries before a colour is taken as it comes.
const TRIES: usize = 20;

/// A colour that differs from each of `others` by at least `distance` in some channel's sum.
pub(super) fn color_unlike(others: &[Color], distance: f32, rng: &mut impl Rng) -> Color {
    let mut color = any_color(rng);
    for _ in 0..TRIES {
        if others.iter().all(|other| difference(&color, other) >= distance) {
            break;
        }
        color = any_color(rng);
    }
    color
}

pub(super) fn any_color(rng: &mut impl Rng) -> Color {
    std::array::from_fn(|_| rng.random_range(0.0..1.0))
}

/// A colour around `color`.
pub(super) fn color_near(color: Color, rng: &mut impl Rng) -> Color {
    color.map(|value| (value + rng.random_range(-0.2..0.2_f32)).clamp(0.0, 1.0))
}

pub(super) fn mix(a: Color, b: Color, share: f32) -> Color {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}

fn difference(a: &Color, b: &Color) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

/// The greatest whole number up to `x`, of any `x` that a picture has; the library's own is a call on most processors.
pub(super) fn whole(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero - i32::from(towards_zero as f32 > x)
}

/// What is left of `x` above that.
pub(super) fn fraction(x: f32) -> f32 {
    x - whole(x) as f32
}

pub(super) fn is_odd(x: f32) -> bool {
    whole(x) & 1 == 1
}

/// A direction within about 30 degrees of upright.
pub(super) fn lean(rng: &mut impl Rng) -> [f32; 2] {
    let slope: f32 = rng.random_range(-0.6..0.6);
    let length = (1.0 + slope * slope).sqrt();
    [1.0 / length, slope / length]
}

/// A direction uniform over the circle, from arithmetic that is exact on every platform.
pub(super) fn direction(rng: &mut impl Rng) -> [f32; 2] {
    loop {
        let [x, y]: [f32; 2] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_floors() {
        for tenths in -400..400 {
            for x in [tenths as f32 / 10.0, (tenths as f32 / 10.0).next_up(), tenths as f32] {
                assert_eq!(whole(x), x.floor() as i32, "{x}");
                assert_eq!(fraction(x), x - x.floor(), "{x}");
            }
        }
    }
}
