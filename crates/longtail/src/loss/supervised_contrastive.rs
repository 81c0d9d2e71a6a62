use super::{ClassAverage, Contrastive, Normaliser, Prior};

impl Contrastive {
    /// SCL (Khosla et al. 2020, `L_out`, without the factor T/T_base):
    ///
    /// ℓ_i = −1/|P| Σ_{p∈P} log( e^{z_i·z_p/T} / Σ_{k≠i} e^{z_i·z_k/T} )
    pub const fn scl(temperature: f64) -> Self {
        Self {
            temperature,
            include_self: false,
            normaliser: Normaliser::MeanOverPositives,
            class_average: ClassAverage::None,
            prototypes: false,
            prior: Prior::Off,
            prior_exponent: 1.0,
        }
    }
}
