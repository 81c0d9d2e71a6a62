//! Where classes lie on a circle, for embeddings of two dimensions.

use std::f64::consts::TAU;

use serde::Serialize;

/// Where one class lies on the unit circle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Region {
    /// The class.
    pub class: usize,
    /// The direction of the mean of its points, in radians from 0 to 2π.
    pub direction: f64,
    /// Circular standard deviation of its points in radians, √(−2 ln R) for a mean of length R (Mardia 1972).
    pub spread: f64,
    /// The share of the circle that is nearer to its direction than to any other class's, in \[0, 1\].
    pub share: f64,
    /// Where that part begins, in radians; it runs on counter-clockwise for `2π · share`.
    pub begins: f64,
}

/// The regions of the classes that have a point, by class. `points` are of any length but 0; those of length 0 or not finite
/// are left out.
///
/// ```
/// use longtail::eval::regions;
///
/// // Two classes on opposite sides have half of the circle each.
/// let found = regions(&[[1.0, 0.1], [1.0, -0.1], [-2.0, 0.0]], &[0, 0, 3]);
/// assert_eq!([found[0].class, found[1].class], [0, 3]);
/// assert!((found[0].share - 0.5).abs() < 1e-12 && found[0].direction < 1e-12);
/// assert!(found[0].spread > 0.09 && found[1].spread == 0.0);
/// ```
pub fn regions(points: &[[f64; 2]], labels: &[u32]) -> Vec<Region> {
    let classes = labels.iter().map(|&label| label as usize + 1).max().unwrap_or(0);
    let mut sums = vec![([0.0_f64; 2], 0_usize); classes];
    for (&[x, y], &label) in points.iter().zip(labels) {
        let length = x.hypot(y);
        if length > 0.0 && length.is_finite() {
            let (sum, count) = &mut sums[label as usize];
            (sum[0], sum[1], *count) = (sum[0] + x / length, sum[1] + y / length, *count + 1);
        }
    }
    let mut found: Vec<Region> = sums
        .into_iter()
        .enumerate()
        .filter(|(_, (_, count))| *count > 0)
        .map(|(class, ([x, y], count))| {
            let resultant = (x.hypot(y) / count as f64).clamp(f64::MIN_POSITIVE, 1.0);
            // Rounding leaves a mean of equal points a little shorter than they are.
            let spread = if 1.0 - resultant < 1e-12 { 0.0 } else { (-2.0 * resultant.ln()).sqrt() };
            let direction = y.atan2(x).rem_euclid(TAU);
            Region { class, direction, spread, share: 1.0, begins: 0.0 }
        })
        .collect();
    share(&mut found);
    found
}

/// Bounds regions in the middle between neighbours.
fn share(regions: &mut [Region]) {
    let mut order: Vec<usize> = (0..regions.len()).collect();
    order.sort_by(|&one, &other| regions[one].direction.total_cmp(&regions[other].direction));
    let count = order.len();
    if count < 2 {
        return;
    }
    let at = |place: usize| regions[order[place % count]].direction;
    let gap = |place: usize| (at(place + 1) - at(place)).rem_euclid(TAU);
    let bounds: Vec<[f64; 2]> =
        (0..count).map(|place| [gap(place + count - 1), gap(place)]).collect();
    for (place, [before, after]) in order.into_iter().zip(bounds) {
        let region = &mut regions[place];
        region.share = (before + after) / 2.0 / TAU;
        region.begins = (region.direction - before / 2.0).rem_euclid(TAU);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_end_in_the_middle_between_neighbours_and_fill_the_circle() {
        let at = |degrees: f64| [degrees.to_radians().cos(), degrees.to_radians().sin()];
        let points = [at(350.0), at(90.0), at(180.0), at(200.0)];
        let found = regions(&points, &[0, 1, 2, 3]);
        let degrees: Vec<f64> = found.iter().map(|r| (r.share * 3600.0).round() / 10.0).collect();
        // Gaps of 100, 90, 20 and 150 degrees.
        assert_eq!(degrees, [125.0, 95.0, 55.0, 85.0]);
        assert!((found.iter().map(|region| region.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found[0].begins.to_degrees() - 275.0).abs() < 1e-9);
    }

    #[test]
    fn spread_is_that_of_the_directions_alone() {
        let found = regions(&[[0.0, 3.0], [0.0, 0.1], [0.0, 0.0], [f64::NAN, 1.0]], &[1, 1, 1, 0]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].spread, found[0].share), (1, 0.0, 1.0));
        assert!(regions(&[], &[]).is_empty());
        // A mean of length cos 60°.
        let half = regions(&[[0.5, 0.75_f64.sqrt()], [0.5, -(0.75_f64.sqrt())]], &[0, 0]);
        assert!((half[0].spread - (-2.0 * 0.5_f64.ln()).sqrt()).abs() < 1e-12);
    }
}
