use super::{Contrastive, Prior};

impl Contrastive {
    /// BCL+RCL, Eq. 5:
    ///
    /// ℓ_i = −1/|B_y| Σ_{p∈(B_y∖{i})∪{c_y}}
    /// log( n_y e^{z_i·z_p/T} / Σ_j n_j 1/(|B_j|+1) Σ_{k∈B_j∪{c_j}} e^{z_i·z_k/T} )
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// let [z, c] = [2, 2].map(|rows| Tensor::<2>::ones([rows, 1], &Device::flex()));
    /// let counts = ClassCounts::new(vec![30, 10])?;
    /// let loss = Contrastive::bcl_rcl(0.1).loss(z, &[0, 1], Some(c), &counts, None)?;
    /// // log((30 + 10) / 30) for an anchor of class 0, log((30 + 10) / 10) for one of class 1.
    /// let expected = ((4.0_f32 / 3.0).ln() + 4_f32.ln()) / 2.0;
    /// assert!((loss.into_scalar::<f32>() - expected).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub const fn bcl_rcl(temperature: f64) -> Self {
        Self { prior: Prior::Counts, ..Self::bcl(temperature) }
    }
}
