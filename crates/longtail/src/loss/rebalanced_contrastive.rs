use super::{Contrastive, Prior};

impl Contrastive {
    /// RCL, Eq. 4, equal to Eq. 6 and to Eq. 7 with its margin log(n_j / n_y):
    ///
    /// ℓ_i = −1/|P| Σ_{p∈P} log( n_y e^{z_i·z_p/T} / Σ_j n_j Σ_{k∈B_j∖{i}} e^{z_i·z_k/T} )
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// let z = Tensor::<2>::ones([4, 1], &Device::flex());
    /// let counts = ClassCounts::new(vec![30, 10])?;
    /// let loss = Contrastive::rcl(0.1).loss(z, &[0, 0, 1, 1], None, &counts, None)?;
    /// // log((30 + 2 · 10) / 30) for an anchor of class 0, log((2 · 30 + 10) / 10) for one of class 1.
    /// let expected = ((5.0_f32 / 3.0).ln() + 7_f32.ln()) / 2.0;
    /// assert!((loss.into_scalar::<f32>() - expected).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub const fn rcl(temperature: f64) -> Self {
        Self { prior: Prior::Counts, ..Self::scl(temperature) }
    }
}
