//! A Burn module of one's own as the encoder of a method of this crate: a small network with logit adjustment.
//!
//! `cargo run --release --example own_model -- FOLDER` writes the run into FOLDER.

use longtail::{
    burn::{
        self,
        module::Module,
        nn::{BatchNorm, BatchNormConfig, PaddingConfig2d, conv::Conv2d, conv::Conv2dConfig},
        tensor::{Device, Tensor, activation::relu},
    },
    device,
    loss::ClassCounts,
    method::{Method, OwnMethod, Plan, Settings},
    model::{Encode, EncoderConfig},
    recipe::RecipeFile,
    run::Runner,
    train::{Limits, Out},
};

/// A strided convolution, batch norm, ReLU, and the mean over all pixels.
#[derive(Module, Debug)]
pub struct Small {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Small {
    fn new(device: &Device) -> Self {
        let conv = Conv2dConfig::new([3, 32], [3, 3]).with_stride([2, 2]);
        let conv = conv.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).with_bias(false);
        Self { conv: conv.init(device), norm: BatchNormConfig::new(32).init(device) }
    }
}

impl Encode for Small {
    fn features(&self) -> usize {
        32
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        // Burn's layers have channels before height and width.
        let maps = relu(self.norm.forward(self.conv.forward(images.permute([0, 3, 1, 2]))));
        maps.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
    }
}

/// Logit adjustment on that encoder.
#[derive(Debug)]
pub struct SmallLa;

impl OwnMethod for SmallLa {
    fn name(&self) -> String {
        "la on small".into()
    }

    fn plan(&self, settings: &Settings<'_>, counts: &ClassCounts) -> Plan {
        let mut plan = (Method::La.definition().plan)(settings, counts);
        plan.network.encoder = EncoderConfig::own("small", Small::new);
        plan
    }
}

#[allow(dead_code, reason = "a test takes the rest of this file as a module")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("say which folder the run is written to")?;
    let layer = RecipeFile::parse("[train]\nepochs = 4\n", "this example")?;
    let runner = Runner::new(device::cpu()).with_method(SmallLa);
    let mut run = runner.start(&[layer], &Out::At(out.into()), &mut ())?;
    run.run(Limits::default(), &mut ())?;
    let results = run.results()?;
    println!("{}", longtail::report::class_table(&results.summary, None));
    Ok(run.write_results(&results, &mut ())?)
}
