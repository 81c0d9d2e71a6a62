//! The gradient of a convolution's input: every pixel is met by the taps that reached it, which are the same
//! ones for every `stride`-th pixel. Those pixels are one convolution of stride 1 over the output's gradient.

use super::shape::Shape;

/// The pixels along one axis that the same taps meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phase {
    /// The first of them; the others follow `stride` apart.
    pub first: usize,
    /// How many they are.
    pub count: usize,
    /// The tap that meets the earliest gradient; the others follow `stride` below it.
    pub tap: usize,
    /// How many taps meet them.
    pub taps: usize,
    /// The earliest gradient that the first of them meets; may lie before all gradients.
    pub from: isize,
}

impl Phase {
    /// Those along the height (`axis` 0) or the width (1); pixels that no tap meets are in none.
    pub fn along(shape: &Shape, axis: usize) -> impl Iterator<Item = Self> {
        let Shape { kernel, stride, padding, .. } = *shape;
        let (size, kernel) = ([shape.height, shape.width][axis], kernel[axis]);
        (0..stride.min(size)).filter_map(move |first| {
            let smallest = (first + padding) % stride;
            let taps = kernel.saturating_sub(smallest).div_ceil(stride);
            (taps > 0).then(|| Self {
                first,
                count: (size - first).div_ceil(stride),
                tap: smallest + stride * (taps - 1),
                taps,
                from: ((first + padding) / stride) as isize - taps as isize + 1,
            })
        })
    }

    /// The latest gradient that the last of them meets.
    fn last(&self) -> isize {
        self.from + self.taps as isize + self.count as isize - 2
    }

    /// Gradients that are met before the first and behind the last, and have to be zeros.
    pub fn around(shape: &Shape, axis: usize) -> [usize; 2] {
        let out = [shape.out_height(), shape.out_width()][axis] as isize;
        let before = Self::along(shape, axis).map(|phase| -phase.from).max();
        let behind = Self::along(shape, axis).map(|phase| phase.last() - (out - 1)).max();
        [before, behind].map(|count| count.unwrap_or_default().max(0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_of_the_convolution_is_met_once() {
        let sizes = (1..=9).flat_map(|size| (1..=4).map(move |kernel| (size, kernel)));
        for (size, kernel) in sizes {
            for (stride, padding) in (1..=3).flat_map(|s| (0..kernel).map(move |p| (s, p))) {
                let weight = [1, 1, 1, kernel];
                let Some(shape) = Shape::of([1, 1, size, 1], weight, stride, padding) else {
                    continue;
                };
                let mut expected = Vec::new();
                for (out, tap) in
                    (0..shape.out_width()).flat_map(|o| (0..kernel).map(move |t| (o, t)))
                {
                    let at = out * stride + tap;
                    if (padding..padding + size).contains(&at) {
                        expected.push((at - padding, tap, out));
                    }
                }
                let [before, behind] = Phase::around(&shape, 1);
                let gradients = -(before as isize)..(shape.out_width() + behind) as isize;
                let mut found = Vec::new();
                for phase in Phase::along(&shape, 1) {
                    for (i, t) in
                        (0..phase.count).flat_map(|i| (0..phase.taps).map(move |t| (i, t)))
                    {
                        let met = phase.from + (i + t) as isize;
                        assert!(gradients.contains(&met), "{shape:?}: {phase:?}");
                        if let Ok(met) = usize::try_from(met)
                            && met < shape.out_width()
                        {
                            let tap = phase.tap - stride * t;
                            found.push((phase.first + i * stride, tap, met));
                        }
                    }
                }
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected, "{shape:?}");
            }
        }
    }
}
