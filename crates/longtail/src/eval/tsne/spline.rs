//! B-splines, which bring charges to the nodes of a grid and the field at the nodes back to the points.

/// Nodes of each axis that a point has a share in.
pub(super) const ORDER: usize = 4;

/// The shares of the nodes around a point that lies `t` in [0, 1) behind the second of them, and how they change with t.
#[inline]
pub(super) fn shares(t: f32) -> ([f32; ORDER], [f32; ORDER]) {
    let mut shares = [0.0; ORDER];
    let mut slopes = [0.0; ORDER];
    shares[0] = 1.0;
    for order in 2..=ORDER {
        let lower = shares;
        let before = |node: usize| if node == 0 { 0.0 } else { lower[node - 1] };
        for node in 0..order {
            let from_left = t + (order - 1 - node) as f32;
            let sum = from_left * before(node) + (order as f32 - from_left) * lower[node];
            shares[node] = sum / (order - 1) as f32;
            slopes[node] = before(node) - lower[node];
        }
    }
    (shares, slopes)
}

/// The transform of the shares of whole places, at `turn` of a circle per node: what a grid of charges was damped by.
pub(super) fn damping(turn: f64) -> f64 {
    let (shares, _) = shares(0.0);
    let middle = ORDER / 2 - 1;
    let wave = |(node, share): (usize, &f32)| {
        f64::from(*share) * (std::f64::consts::TAU * turn * (node as f64 - middle as f64)).cos()
    };
    shares.iter().enumerate().map(wave).sum()
}
