use super::{Contrastive, Prior};

impl Contrastive {
    /// BCL+RCL, Eq. 5:
    ///
    /// ℓ_i = −1/|B_y| Σ_{p∈(B_y∖{i})∪{c_y}}
    /// log( n_y e^{z_i·z_p/T} / Σ_j n_j 1/(|B_j|+1) Σ_{k∈B_j∪{c_j}} e^{z_i·z_k/T} )
    pub const fn bcl_rcl(temperature: f64) -> Self {
        Self { prior: Prior::Counts, ..Self::bcl(temperature) }
    }
}
