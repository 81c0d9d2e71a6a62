use super::{ClassAverage, Contrastive};

impl Contrastive {
    /// BCL, Eq. 3 (Zhu et al. 2022), with class averaging as in their code:
    ///
    /// ℓ_i = −1/|B_y| Σ_{p∈(B_y∖{i})∪{c_y}}
    /// log( e^{z_i·z_p/T} / Σ_j 1/(|B_j|+1) Σ_{k∈B_j∪{c_j}} e^{z_i·z_k/T} )
    pub const fn bcl(temperature: f64) -> Self {
        Self {
            class_average: ClassAverage::TermsPresent,
            prototypes: true,
            ..Self::scl(temperature)
        }
    }
}
