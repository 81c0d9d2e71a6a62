use std::path::PathBuf;

use super::{
    ClassifierView, CompressionSection, CompressionStart, ContrastiveViews, Data, Decay, Eval,
    HarmonicZero, Holdout, Loss, MethodSection, Model, Optimizer, ScheduleSection, Sections, Train,
    Views,
};
use crate::{
    data::{Resize, Storage},
    loss::{ApplyTo, CompressionMode, CompressionPreset, Contrastive, Criterion, Reevaluate},
    method::Method,
    model::{Backbone, BnGroups, ClassifierKind, InitHeads, Precision},
};

impl Sections {
    /// The defaults for a data set and a method: what the paper states, and what its
    /// field does where it is silent.
    pub(super) fn defaults(data: &str, method: Method) -> Self {
        let mut recipe = Self {
            data: data_defaults(data),
            method: MethodSection::of(method),
            model: model_defaults(),
            loss: loss_defaults(method),
            contrastive: contrastive_defaults(method),
            compression: compression_defaults(),
            views: views_defaults(),
            optimizer: optimizer_defaults(),
            schedule: schedule_defaults(),
            train: train_defaults(),
            branch: None,
            eval: Eval {
                harmonic_zero: HarmonicZero::Strict,
                harmonic_floor: 1e-3,
                many_above: 100,
                few_below: 20,
            },
        };
        if data == "synthetic" {
            recipe.for_synthetic();
        }
        recipe
    }

    /// The synthetic set is small and meant for a CPU: a shallow network and a short run.
    fn for_synthetic(&mut self) {
        self.model.backbone = Backbone::ResNetCifar { depth: 8 };
        self.train.epochs = 30;
        self.train.batch_size = 64;
        self.optimizer.lr = 0.1;
        self.schedule.warmup = 1;
        self.schedule.milestones = vec![24, 27];
    }
}

pub(super) fn loss_defaults(method: Method) -> Loss {
    // α weighs the classifier's loss against the contrastive one; alone it would scale the learning rate.
    let alpha = if method.definition().contrastive.is_some() { 2.0 } else { 1.0 };
    Loss { alpha, beta: 1.0, tau: 1.3 }
}

fn optimizer_defaults() -> Optimizer {
    Optimizer {
        lr: 0.2,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 5e-4,
        weight_decay_on_bn: true,
    }
}

fn schedule_defaults() -> ScheduleSection {
    ScheduleSection { warmup: 5, decay: Decay::Step, milestones: vec![160, 180], gamma: 0.1 }
}

fn train_defaults() -> Train {
    Train {
        epochs: 200,
        batch_size: 256,
        micro_batch: 0,
        seed: 0,
        drop_last: true,
        precision: Precision::F32,
        checkpoint_steps: 0,
    }
}

fn data_defaults(name: &str) -> Data {
    let imbalance = match name {
        "cifar10-lt" | "cifar100-lt" => 100.0,
        "synthetic" => 50.0,
        _ => 0.0,
    };
    Data {
        name: name.into(),
        dir: PathBuf::new(),
        train_list: PathBuf::new(),
        val_list: PathBuf::new(),
        test_list: PathBuf::new(),
        image_size: 32,
        resize: Resize::Crop,
        shorter_side: 0,
        storage: Storage::Auto,
        cache: PathBuf::new(),
        cache_gib: 100.0,
        imbalance,
        split_seed: 0,
        val: Holdout::Auto,
        split: PathBuf::new(),
        any_content: false,
        skip_broken: false,
    }
}

fn model_defaults() -> Model {
    Model {
        backbone: Backbone::ResNetCifar { depth: 32 },
        weights: PathBuf::new(),
        weights_digest: String::new(),
        classifier: ClassifierKind::Linear,
        cosine_scale: 30.0,
        head_hidden: 512,
        head_out: 128,
        init_heads: InitHeads::TorchDefault,
        bn_groups: BnGroups::Joint,
        head_on_cls_view: true,
    }
}

pub(super) fn contrastive_defaults(method: Method) -> Contrastive {
    method.definition().contrastive.unwrap_or(Contrastive::bcl_rcl(0.1))
}

pub(super) fn compression_defaults() -> CompressionSection {
    CompressionSection {
        preset: CompressionPreset::Off,
        factor_low: 1.0,
        factor_rest: 1.0,
        mode: CompressionMode::Multiply,
        threshold: 0.2,
        start: CompressionStart::Half,
        reevaluate: Reevaluate::Once,
        criterion_set: Criterion::Val,
        apply_to: ApplyTo::Both,
        compress_prototypes: true,
    }
}

fn views_defaults() -> Views {
    Views {
        classifier: ClassifierView::AutoaugmentCutout,
        contrastive: ContrastiveViews::SimSim,
        randaugment_operations: 2,
        randaugment_magnitude: 10.0,
        crop_scale_min: 0.5,
        sim_blur_p: 0.5,
        sim_scale_min: 0.2,
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.2023, 0.1994, 0.2010],
    }
}
