use super::{ClassAverage, Contrastive, Normaliser, Prior};

impl Contrastive {
    /// SCL (Khosla et al. 2020, `L_out`, without the factor T/T_base):
    ///
    /// ℓ_i = −1/|P| Σ_{p∈P} log( e^{z_i·z_p/T} / Σ_{k≠i} e^{z_i·z_k/T} )
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// // All embeddings are equal: each of the three others has a third of the softmax.
    /// let z = Tensor::<2>::ones([4, 1], &Device::flex());
    /// let counts = ClassCounts::new(vec![30, 10])?;
    /// let loss = Contrastive::scl(0.1).loss(z, &[0, 0, 1, 1], None, &counts, None)?;
    /// assert!((loss.into_scalar::<f32>() - 3_f32.ln()).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
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
