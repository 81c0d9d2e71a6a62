use super::{Contrastive, Prior};

impl Contrastive {
    /// RCL, Eq. 4, equal to Eq. 6 and to Eq. 7 with its margin log(n_j / n_y):
    ///
    /// ℓ_i = −1/|P| Σ_{p∈P} log( n_y e^{z_i·z_p/T} / Σ_j n_j Σ_{k∈B_j∖{i}} e^{z_i·z_k/T} )
    pub const fn rcl(temperature: f64) -> Self {
        Self { prior: Prior::Counts, ..Self::scl(temperature) }
    }
}
