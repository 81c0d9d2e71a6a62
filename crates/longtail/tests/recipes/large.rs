//! The recipes of images in lists: ImageNet-LT of Table 4, iNaturalist 2018 and Places-LT.

use longtail::{
    augment::ContrastiveViews,
    loss::ClassCounts,
    method::Method,
    model::{Branches, ClassifierKind},
    recipe::{ClassifierView, Decay, Holdout, Profile, Recipe, Sections},
};

use super::shelf::{Entry, large, recipe};

/// Name, title, lists, and what its own test list is called.
const SETS: [(&str, &str, &str); 3] = [
    ("imagenet-lt", "ImageNet-LT", "ImageNet_LT"),
    ("inaturalist2018", "iNaturalist 2018", "iNaturalist18"),
    ("places-lt", "Places-LT", "Places_LT"),
];

/// Systems whose public code sets more than the method.
const SETTINGS_OF_THEIR_OWN: [&str; 2] = ["ride", "bbn"];

fn network(entry: &Entry) -> (&'static str, &'static str) {
    match entry.recipe.model.backbone.to_string().as_str() {
        "resnet50" => ("resnet50", "ResNet-50"),
        "resnext50_32x4d" => ("resnext50", "ResNeXt-50 32×4d"),
        other => panic!("{}: {other}", entry.name),
    }
}

#[test]
fn a_name_says_data_network_and_method_and_the_lists_are_the_sets() {
    for entry in large() {
        let Sections { data, method, .. } = &*entry.recipe;
        let (set, title, lists) = SETS.into_iter().find(|(set, ..)| *set == data.name).unwrap();
        let (network, called) = network(&entry);
        let system = method.name.to_string().replace('+', "-");
        assert_eq!(entry.name, format!("{set}-{network}-{system}"));
        assert!(entry.field("row").ends_with(&format!("; {title}, {called}.")), "{}", entry.name);
        assert_eq!(data.train_list.to_str(), Some(format!("{lists}_train.txt").as_str()));
        // What validates on iNaturalist tests as well, and nothing is chosen on it.
        let (val, test, holdout) = match set {
            "inaturalist2018" => (String::new(), "val", Holdout::None),
            _ => (format!("{lists}_val.txt"), "test", Holdout::Auto),
        };
        assert_eq!(data.val_list.to_str(), Some(val.as_str()), "{}", entry.name);
        assert_eq!(data.test_list.to_str(), Some(format!("{lists}_{test}.txt").as_str()));
        assert_eq!((data.val, data.image_size), (holdout, 224), "{}", entry.name);
        assert_eq!(data.resize, longtail::data::Resize::Full, "{}", entry.name);
    }
}

#[test]
fn a_head_is_whole_and_its_command_runs_this_file() {
    large().iter().for_each(|entry| entry.check_head("FOLDER"));
}

/// Folders and lists have defaults that follow from their images: none of them reaches a recipe.
#[test]
fn nothing_follows_from_the_images() {
    for entry in large() {
        for profile in [Profile::new(115_846, &[[375, 500]], 2), Profile::new(300, &[[32, 32]], 64)]
        {
            let layers = std::slice::from_ref(&entry.typed);
            let (found, notes) = Recipe::resolve_for(layers, &profile).unwrap();
            let mut found = found.into_sections();
            // τ stands in the losses that adjust logits.
            if entry.typed.loss.tau.is_none() {
                found.loss.tau = entry.recipe.loss.tau;
            }
            assert_eq!(found, *entry.recipe, "{}", entry.name);
            // BBN's code leaves out a last batch that is not whole.
            let is_asked = |note: &&String| {
                entry.typed.train.drop_last != Some(false) && note.contains("left out of an epoch")
            };
            assert_eq!(notes.iter().find(|note| !is_asked(note)), None);
        }
        assert!(entry.typed.views.mean.is_some() && entry.typed.views.std.is_some());
    }
}

#[test]
fn contrastive_rows_have_bcls_settings_on_imagenet() {
    for entry in large() {
        let Sections {
            method,
            model,
            loss,
            contrastive,
            views,
            optimizer,
            schedule,
            train,
            data,
            ..
        } = &*entry.recipe;
        if method.name.definition().contrastive.is_none() {
            continue;
        }
        let name = &entry.name;
        let (lr, decay, epochs) = match data.name.as_str() {
            "inaturalist2018" => (0.2, 1e-4, 100),
            _ => (0.1, 5e-4, 90),
        };
        assert_eq!(
            (optimizer.lr, optimizer.weight_decay, train.epochs),
            (lr, decay, epochs),
            "{name}"
        );
        assert!(optimizer.weight_decay_on_bn && !optimizer.nesterov, "{name}");
        assert_eq!((train.batch_size, schedule.warmup, schedule.decay), (256, 0, Decay::Cosine));
        assert_eq!((loss.alpha, loss.beta, loss.tau), (1.0, 0.35, 1.0), "{name}");
        assert_eq!(contrastive.temperature, 0.07, "{name}");
        assert_eq!((model.head_hidden, model.head_out), (2048, 1024), "{name}");
        assert_eq!((model.classifier, model.cosine_scale), (ClassifierKind::Cosine, 30.0));
        assert_eq!(views.classifier, ClassifierView::RandAugment, "{name}");
        assert_eq!(views.contrastive, ContrastiveViews::SimSim, "{name}");
        assert_eq!(
            (views.crop_scale_min, views.sim_scale_min, views.sim_blur_p),
            (0.08, 0.08, 0.0)
        );
        assert_eq!(
            (views.randaugment_operations, views.randaugment_magnitude),
            (2, 10.0),
            "{name}"
        );
    }
}

#[test]
fn rows_of_a_set_and_network_differ_in_the_method_alone() {
    let mut compared = [0, 0];
    for entry in large() {
        let Sections { data, method, .. } = &*entry.recipe;
        if SETTINGS_OF_THEIR_OWN.contains(&method.name.to_string().as_str()) {
            continue;
        }
        let is_contrastive = method.name.definition().contrastive.is_some();
        let base = if is_contrastive { "bcl" } else { "ce" };
        let base = recipe(&format!("{}-{}-{base}", data.name, network(&entry).0));
        let mut same = entry.recipe.clone().into_sections();
        same.method = base.method.clone();
        same.contrastive = base.contrastive;
        same.loss.tau = base.loss.tau;
        assert_eq!(same, *base, "{}", entry.name);
        compared[usize::from(is_contrastive)] += 1;
    }
    // Nine and seven of ImageNet-LT; three of each network there, and two of the other sets each.
    assert_eq!(compared, [9 + 7, 3 + 3 + 2 + 2]);
}

#[test]
fn baselines_are_those_of_kang_et_al() {
    let ce = recipe("imagenet-lt-resnext50-ce");
    assert_eq!((ce.train.batch_size, ce.optimizer.lr, ce.train.epochs), (512, 0.2, 90));
    assert_eq!((ce.optimizer.weight_decay, ce.schedule.warmup), (5e-4, 0));
    assert_eq!(
        (ce.views.classifier, ce.views.randaugment_operations),
        (ClassifierView::RandAugment, 0)
    );
    assert_eq!(ce.model.classifier, ClassifierKind::Linear);
    let counts = ClassCounts::new(vec![1280, 100, 5]).unwrap();
    for (method, epochs) in [("crt", 10), ("lws", 5), ("tau-norm", 0), ("ncm", 0)] {
        let recipe = recipe(&format!("imagenet-lt-resnet50-{method}"));
        let plan = Method::plan(&recipe.settings(), &counts);
        let second = &plan.stages[1];
        assert_eq!((second.epochs, plan.epochs()), (epochs, 90 + epochs), "{method}");
        if epochs > 0 {
            assert_eq!(second.schedule.decay, Decay::Cosine, "{method}");
            assert_eq!((second.schedule.lr, second.batch_size()), (0.2, 512), "{method}");
        }
    }
    let la = recipe("imagenet-lt-resnet50-la");
    assert_eq!((la.loss.tau, la.loss.alpha), (1.0, 1.0));
}

#[test]
fn experts_and_branches_have_the_settings_of_their_public_code() {
    let counts = ClassCounts::new(vec![1280, 100, 5]).unwrap();
    for network in ["resnet50", "resnext50"] {
        let ride = recipe(&format!("imagenet-lt-{network}-ride"));
        assert_eq!((ride.optimizer.lr, ride.optimizer.weight_decay), (0.1, 2e-4));
        assert_eq!((ride.train.batch_size, ride.train.epochs, ride.schedule.warmup), (256, 100, 5));
        assert_eq!((&ride.schedule.milestones[..], ride.schedule.gamma), (&[60, 80][..], 0.1));
        assert!(ride.optimizer.nesterov && !ride.train.drop_last);
        assert_eq!(
            (ride.views.classifier, ride.views.randaugment_operations),
            (ClassifierView::RandAugment, 0)
        );
        let experts = Branches::Experts { count: 4, widths: [192, 384] };
        assert_eq!(Method::plan(&ride.settings(), &counts).network.branches, experts);

        let bbn = recipe(&format!("imagenet-lt-{network}-bbn"));
        assert_eq!((bbn.optimizer.lr, bbn.optimizer.weight_decay), (0.05, 1e-4));
        assert_eq!((bbn.train.batch_size, bbn.train.epochs, bbn.schedule.warmup), (128, 90, 0));
        assert_eq!((&bbn.schedule.milestones[..], bbn.schedule.gamma), (&[59, 79][..], 0.1));
        assert!(bbn.optimizer.nesterov && bbn.train.drop_last);
        assert_eq!(bbn.views.classifier, ClassifierView::ResizedCrop);
        let branches = Branches::LastBlocks { count: 2 };
        assert_eq!(Method::plan(&bbn.settings(), &counts).network.branches, branches);
    }
}
