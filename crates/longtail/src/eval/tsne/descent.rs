//! Gradient descent with momentum and gains.

use rayon::prelude::*;

use super::{
    affinities::Affinities,
    field::Field,
    forces::{self, Repulsion},
};

/// Below this many points all pairs are quick.
const FIELD_FROM: usize = 1000;
/// The longest step of a point, as in openTSNE.
const LONGEST: f64 = 5.0;
const LEAST_GAIN: f64 = 0.01;

/// One stage of the descent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub iterations: usize,
    pub exaggeration: f64,
    pub momentum: f64,
    pub learning_rate: f64,
}

/// Points on their way.
pub(super) struct Descent<'a> {
    affinities: &'a Affinities,
    pub points: Vec<[f64; 2]>,
    velocities: Vec<[f64; 2]>,
    gains: Vec<[f64; 2]>,
    gradient: Gradient,
}

/// The gradient of the divergence, with what it is made of.
#[derive(Default)]
pub(super) struct Gradient {
    rounded: Vec<[f32; 2]>,
    attraction: Vec<[f32; 2]>,
    repulsion: Repulsion,
    field: Field,
}

impl Gradient {
    /// Computes the forces at `points`.
    pub fn find(&mut self, affinities: &Affinities, points: &[[f64; 2]]) {
        self.rounded.clear();
        self.rounded.extend(points.iter().map(|point| point.map(|at| at as f32)));
        self.attraction.resize(points.len(), [0.0; 2]);
        forces::attraction(affinities, &self.rounded, &mut self.attraction);
        if points.len() < FIELD_FROM {
            forces::exact_repulsion(&self.rounded, &mut self.repulsion);
        } else {
            self.field.repulsion(points, &mut self.repulsion);
        }
    }

    /// ∂KL/∂y of a point, P being `exaggeration` times as large.
    pub fn of(&self, point: usize, exaggeration: f64) -> [f64; 2] {
        let together = exaggeration / self.attraction.len() as f64;
        let apart = 1.0 / self.repulsion.normaliser;
        [0, 1].map(|axis| {
            let (to, from) = (self.attraction[point][axis], self.repulsion.forces[point][axis]);
            4.0 * (f64::from(to) * together - f64::from(from) * apart)
        })
    }
}

impl<'a> Descent<'a> {
    pub fn new(affinities: &'a Affinities, points: Vec<[f64; 2]>) -> Self {
        let count = points.len();
        Self {
            affinities,
            points,
            velocities: vec![[0.0; 2]; count],
            gains: vec![[1.0; 2]; count],
            gradient: Gradient::default(),
        }
    }

    pub fn run(&mut self, stage: &Stage) {
        for _ in 0..stage.iterations {
            self.gradient.find(self.affinities, &self.points);
            self.step(stage);
        }
    }

    fn step(&mut self, stage: &Stage) {
        let gradient = &self.gradient;
        self.points
            .par_iter_mut()
            .zip(&mut self.velocities)
            .zip(&mut self.gains)
            .enumerate()
            .with_min_len(1024)
            .for_each(|(point, ((at, velocity), gain))| {
                let slope = gradient.of(point, stage.exaggeration);
                for axis in 0..2 {
                    let downhill = velocity[axis] * slope[axis] < 0.0;
                    let next = if downhill { gain[axis] + 0.2 } else { gain[axis] * 0.8 };
                    gain[axis] = next.max(LEAST_GAIN);
                    velocity[axis] = stage.momentum * velocity[axis]
                        - stage.learning_rate * gain[axis] * slope[axis];
                }
                let length = (velocity[0] * velocity[0] + velocity[1] * velocity[1]).sqrt();
                if length > LONGEST {
                    *velocity = velocity.map(|v| v * LONGEST / length);
                }
                for axis in 0..2 {
                    at[axis] += velocity[axis];
                }
            });
        let count = self.points.len() as f64;
        let mean = [0, 1].map(|a| self.points.iter().map(|point| point[a]).sum::<f64>() / count);
        self.points.iter_mut().for_each(|point| *point = [point[0] - mean[0], point[1] - mean[1]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{
        Rows,
        tsne::{neighbours::neighbours, start::start},
    };

    #[test]
    fn the_gradient_is_that_of_the_divergence() {
        let values = (0..200).map(|at| ((at * at) % 31) as f32 / 8.0).collect();
        let rows = Rows::new(values, 5).unwrap();
        let affinities = Affinities::of(&neighbours(&rows, 12), 12, 4.0);
        let mut points: Vec<_> =
            start(&rows, 0).iter().map(|point| point.map(|at| 1e4 * at)).collect();
        let mut gradient = Gradient::default();
        gradient.find(&affinities, &points);
        const STEP: f64 = 1e-4;
        for point in 0..points.len() {
            for axis in 0..2 {
                let at = points[point][axis];
                let [more, less] = [STEP, -STEP].map(|step| {
                    points[point][axis] = at + step;
                    forces::divergence(&affinities, &points)
                });
                points[point][axis] = at;
                let (slope, found) = ((more - less) / (2.0 * STEP), gradient.of(point, 1.0)[axis]);
                assert!((slope - found).abs() < 1e-6, "{point}: {slope} {found}");
            }
        }
    }
}
