use super::{ClassAverage, Contrastive};

impl Contrastive {
    /// BCL, Eq. 3 (Zhu et al. 2022), with class averaging as in their code:
    ///
    /// ℓ_i = −1/|B_y| Σ_{p∈(B_y∖{i})∪{c_y}}
    /// log( e^{z_i·z_p/T} / Σ_j 1/(|B_j|+1) Σ_{k∈B_j∪{c_j}} e^{z_i·z_k/T} )
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::loss::{ClassCounts, Contrastive};
    ///
    /// // Embeddings and prototypes are equal: the average of each of the two classes counts once.
    /// let [z, c] = [3, 2].map(|rows| Tensor::<2>::ones([rows, 1], &Device::flex()));
    /// let counts = ClassCounts::new(vec![30, 10])?;
    /// let loss = Contrastive::bcl(0.1).loss(z, &[0, 0, 1], Some(c), &counts, None)?;
    /// assert!((loss.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-5);
    /// # Ok::<(), longtail::loss::LossError>(())
    /// ```
    pub const fn bcl(temperature: f64) -> Self {
        Self {
            class_average: ClassAverage::TermsPresent,
            prototypes: true,
            ..Self::scl(temperature)
        }
    }
}
