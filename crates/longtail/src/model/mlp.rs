use burn::{module::Module, tensor::Tensor};

use super::{BatchNorm, Initialiser, Linear, Pass, layers::relu};

/// Linear – batch norm – ReLU – linear: the projection head and the prototype head (BCL; §6.2).
///
/// In weights files its layers carry PyTorch's `Sequential` numbers 0, 1 and 3.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

impl Mlp {
    /// From `input` over `hidden` to `output` features.
    pub fn new([input, hidden, output]: [usize; 3], kaiming: bool, init: &mut Initialiser) -> Self {
        Self {
            hidden: Linear::new(input, hidden, kaiming, init),
            norm: BatchNorm::new(hidden, init),
            output: Linear::new(hidden, output, kaiming, init),
        }
    }

    /// `x`: `[rows, input]`; gives `[rows, output]`.
    pub fn forward(&self, x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let hidden = self.norm.forward(self.hidden.forward(x), pass);
        self.output.forward(relu(hidden))
    }
}
