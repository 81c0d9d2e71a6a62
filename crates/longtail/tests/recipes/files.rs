use longtail::{
    data::class_counts,
    method::Method,
    recipe::{ClassifierView, Decay, Holdout, Recipe, Sections},
};

use super::shelf::{all, cifar, recipe, text};

#[test]
fn a_name_says_data_factor_and_method() {
    for entry in cifar() {
        let Sections { data, method, .. } = &*entry.recipe;
        let system = method.name.to_string().replace('+', "-");
        let name = format!("{}-{}-{system}", data.name, data.imbalance);
        let name = format!("{name}{}", if method.teacher.is_some() { "-distill" } else { "" });
        let is_named = entry.name == name || entry.name == format!("{name}-matched");
        assert!(is_named, "{} trains {name}", entry.name);
        let title = data.name.to_uppercase().replace("CIFAR", "CIFAR-");
        let end = format!("; {title}, factor {}.", data.imbalance);
        assert!(entry.field("row").ends_with(&end), "{}: {end}", entry.name);
    }
}

#[test]
fn a_head_is_whole_and_its_command_runs_this_file() {
    cifar().iter().for_each(|entry| entry.check_head("FILE"));
}

#[test]
fn what_defines_a_row_is_typed_and_what_the_method_decides_is_not() {
    for entry in cifar() {
        let typed = &entry.typed;
        let defining = [
            typed.data.imbalance.is_some(),
            typed.model.backbone.is_some(),
            typed.loss.alpha.is_some(),
            typed.views.classifier.is_some(),
            typed.optimizer.lr.is_some(),
            typed.optimizer.weight_decay.is_some(),
            typed.schedule.warmup.is_some(),
            typed.schedule.decay.is_some(),
            typed.train.epochs.is_some(),
            typed.train.batch_size.is_some(),
        ];
        assert_eq!(defining, [true; 10], "{}", entry.name);
        let contrastive = entry.recipe.method.name.definition().contrastive.is_some();
        let of_contrast = [typed.loss.beta.is_some(), typed.contrastive.temperature.is_some()];
        assert_eq!(of_contrast, [contrastive; 2], "{}", entry.name);
        let decided = (&typed.contrastive.class_average, &typed.contrastive.prior);
        assert!(decided == (&None, &None), "{}", entry.name);
        assert!(typed.contrastive.prototypes.is_none(), "{}", entry.name);
    }
}

#[test]
fn every_method_has_a_recipe() {
    let recipes = all();
    for method in Method::ALL {
        assert!(recipes.iter().any(|entry| entry.recipe.method.name == method), "{method}");
    }
}

/// α, β and τ, then the learning rate and the batch.
fn numbers(recipe: &Recipe) -> [f64; 5] {
    let batch = recipe.train.batch_size as f64;
    [recipe.loss.alpha, recipe.loss.beta, recipe.loss.tau, recipe.optimizer.lr, batch]
}

#[test]
fn settings_are_those_that_the_paper_and_bcl_state() {
    let (paper, bcl) = ([2.0, 1.0, 1.3, 0.2, 256.0], [2.0, 0.6, 1.0, 0.15, 256.0]);
    for (name, expected) in [
        ("cifar10-lt-100-rcl", paper),
        ("cifar10-lt-50-bcl-rcl", paper),
        ("cifar100-lt-100-scl", paper),
        ("cifar100-lt-10-bcl-matched", paper),
        ("cifar10-lt-100-bcl", bcl),
        ("cifar100-lt-50-bcl", bcl),
    ] {
        let recipe = recipe(name);
        assert_eq!(numbers(&recipe), expected, "{name}");
        let schedule = &recipe.schedule;
        assert_eq!((recipe.train.epochs, schedule.warmup), (200, 5), "{name}");
        assert_eq!((&schedule.milestones[..], schedule.gamma), (&[160, 180][..], 0.1), "{name}");
        assert_eq!(recipe.optimizer.weight_decay, 5e-4, "{name}");
        assert_eq!(recipe.views.classifier, ClassifierView::AutoaugmentCutout, "{name}");
    }
}

#[test]
fn settings_of_the_baselines_are_their_own() {
    let ce = recipe("cifar100-lt-100-ce");
    assert_eq!((ce.loss.alpha, ce.optimizer.lr, ce.train.batch_size), (1.0, 0.1, 128));
    assert_eq!((ce.optimizer.weight_decay, ce.views.classifier), (2e-4, ClassifierView::Plain));
    assert_eq!((&ce.schedule.milestones[..], ce.schedule.gamma), (&[160, 180][..], 0.01));
    assert_eq!((ce.train.epochs, ce.schedule.warmup), (200, 5));

    let la = recipe("cifar10-lt-100-la");
    assert_eq!((la.loss.alpha, la.loss.tau, la.optimizer.lr), (1.0, 1.0, 0.1));
    assert_eq!((la.train.epochs, la.train.batch_size, la.schedule.warmup), (1241, 128, 20));
    assert_eq!((&la.schedule.milestones[..], la.schedule.gamma), (&[604, 926, 1128][..], 0.1));
    assert!(la.optimizer.nesterov && !la.optimizer.weight_decay_on_bn);

    let balanced = recipe("cifar100-lt-100-balanced-softmax");
    assert_eq!((balanced.loss.alpha, balanced.optimizer.lr), (1.0, 0.1));
    assert_eq!((balanced.train.batch_size, balanced.schedule.decay), (512, Decay::Cosine));
}

/// What the public code of the margins, the sigmoids, the experts and the branches sets beside the loss.
#[test]
fn settings_of_other_systems_are_their_own() {
    for (name, nesterov, weight_decay, milestones, drop_last) in [
        ("cifar10-lt-100-ldam-drw", false, 2e-4, [160, 180], false),
        ("cifar100-lt-10-cb-focal", false, 2e-4, [160, 180], false),
        ("cifar100-lt-100-ride", true, 5e-4, [160, 180], false),
        ("cifar10-lt-50-bbn", true, 2e-4, [119, 159], true),
    ] {
        let recipe = recipe(name);
        let (optimizer, schedule) = (&recipe.optimizer, &recipe.schedule);
        assert_eq!((optimizer.lr, recipe.train.batch_size), (0.1, 128), "{name}");
        assert_eq!((recipe.train.epochs, schedule.warmup), (200, 5), "{name}");
        assert_eq!(
            (optimizer.nesterov, optimizer.weight_decay),
            (nesterov, weight_decay),
            "{name}"
        );
        assert_eq!((&schedule.milestones[..], schedule.gamma), (&milestones[..], 0.01), "{name}");
        assert_eq!(recipe.train.drop_last, drop_last, "{name}");
        assert_eq!(recipe.views.classifier, ClassifierView::Plain, "{name}");
    }
}

/// A knob of a recipe's method.
fn knob(recipe: &Recipe, key: &str) -> f64 {
    let knobs = recipe.method.name.definition().knobs;
    let knob = knobs.iter().find(|knob| knob.key == key);
    knob.unwrap_or_else(|| panic!("no {key}")).real(&recipe.method.knobs)
}

#[test]
fn settings_that_one_method_has_are_those_of_its_public_code() {
    for entry in cifar() {
        let Sections { data, method, .. } = &*entry.recipe;
        let is_ten = data.name == "cifar10-lt";
        let of_method: &[(&str, f64)] = match method.name {
            Method::LdamDrw => &[("max_margin", 0.5), ("scale", 30.0), ("beta", 0.9999)],
            Method::CbFocal if is_ten => &[("beta", 0.9999), ("gamma", 1.0)],
            Method::CbFocal => &[("beta", 0.9), ("gamma", 1.0)],
            Method::Crt | Method::Lws => &[("classifier_epochs", 0.15), ("classifier_lr", 0.1)],
            Method::TauNorm => &[("exponent", -1.0)],
            Method::Ride if data.imbalance == 100.0 => &[("experts", 4.0), ("reweight_at", 0.8)],
            Method::Ride => &[("experts", 3.0), ("reweight_at", 0.8)],
            _ => &[],
        };
        for (key, value) in of_method {
            assert_eq!(knob(&entry.recipe, key), *value, "{}: {key}", entry.name);
        }
    }
}

/// Training images that are held out for validation: the last of a class, where it is used whole.
fn held_out(recipe: &Recipe) -> usize {
    let (counts, of_class, each) = counts(recipe);
    counts.iter().map(|count| count.saturating_sub(of_class - each)).sum()
}

/// Images of every class in the subset; images of a class at first; images of a class that validate.
fn counts(recipe: &Recipe) -> (Vec<usize>, usize, usize) {
    assert_eq!(recipe.data.val, Holdout::Auto);
    let (of_class, classes, each) =
        if recipe.data.name == "cifar10-lt" { (5000, 10, 50) } else { (500, 100, 20) };
    (
        class_counts(of_class, &vec![("a class", of_class); classes], recipe.data.imbalance)
            .unwrap(),
        of_class,
        each,
    )
}

/// As recipes/README.md says.
#[test]
fn validation_costs_few_training_images() {
    for entry in cifar() {
        let data = &entry.recipe.data;
        let expected = match (data.name.as_str(), data.imbalance) {
            ("cifar10-lt", _) => 50,
            (_, 10.0) => 28,
            _ => 20,
        };
        assert_eq!(held_out(&entry.recipe), expected, "{}", entry.name);
    }
}

/// The sources of two baselines count in steps where a recipe counts in epochs.
#[test]
fn epochs_make_up_the_steps_of_the_source() {
    let steps = |recipe: &Recipe| {
        let images = counts(recipe).0.iter().sum::<usize>() - held_out(recipe);
        assert!(recipe.train.drop_last);
        images / recipe.train.batch_size
    };
    for (name, each, whole, warmup) in [
        ("cifar10-lt-100-balanced-softmax", 24, 13_000, 800),
        ("cifar10-lt-10-balanced-softmax", 39, 13_000, 800),
        ("cifar100-lt-100-balanced-softmax", 21, 13_000, 800),
        ("cifar100-lt-10-balanced-softmax", 38, 13_000, 800),
        ("cifar10-lt-100-la", 96, 1241 * 96, 20 * 96),
        ("cifar100-lt-100-la", 84, 1419 * 84, 22 * 84),
        ("cifar100-lt-10-la", 152, 1419 * 84, 22 * 84),
    ] {
        let recipe = recipe(name);
        assert_eq!(steps(&recipe), each, "{name}");
        assert!((recipe.train.epochs * each).abs_diff(whole) <= each / 2, "{name}");
        assert!((recipe.schedule.warmup * each).abs_diff(warmup) <= each / 2, "{name}");
    }
}

#[test]
fn rows_under_the_settings_of_rcl_differ_in_the_method_alone() {
    let mut compared = 0;
    for entry in cifar() {
        let data = &entry.recipe.data;
        let is_scl = entry.recipe.method.name == Method::Scl;
        let is_bcl_rcl = entry.recipe.method.name == Method::BclRcl;
        if !(is_scl || is_bcl_rcl || entry.name.ends_with("-matched")) {
            continue;
        }
        let rcl = recipe(&format!("{}-{}-rcl", data.name, data.imbalance));
        assert_eq!(entry.recipe.contrastive.temperature, rcl.contrastive.temperature);
        let mut same = entry.recipe.clone().into_sections();
        same.method = rcl.method.clone();
        same.contrastive = rcl.contrastive;
        assert_eq!(same, *rcl, "{}", entry.name);
        compared += 1;
    }
    // 6 of BCL+RCL, 6 of BCL, 2 of SCL, 2 of the logit adjustment.
    assert_eq!(compared, 16);
}

/// Their public code trains the baseline of cross entropy, but for the loss or for what follows it.
#[test]
fn rows_under_the_settings_of_cross_entropy_differ_in_the_method_alone() {
    let methods = [Method::LdamDrw, Method::Crt, Method::Lws, Method::TauNorm, Method::Ncm];
    let mut compared = 0;
    for entry in cifar() {
        let data = &entry.recipe.data;
        if !methods.contains(&entry.recipe.method.name) {
            continue;
        }
        let ce = recipe(&format!("{}-{}-ce", data.name, data.imbalance));
        let mut same = entry.recipe.clone().into_sections();
        same.method = ce.method.clone();
        assert_eq!(same, *ce, "{}", entry.name);
        compared += 1;
    }
    // 6 of LDAM-DRW, cRT, LWS and τ-normalisation each, 4 of NCM.
    assert_eq!(compared, 28);
}

#[test]
fn the_short_protocol_fits_every_recipe() {
    for entry in all() {
        let (long, short) = (&entry.recipe, &entry.short);
        assert_eq!((short.train.epochs, short.train.batch_size), (20, 128), "{}", entry.name);
        let scale = 128.0 / long.train.batch_size as f64;
        assert_eq!(short.optimizer.lr, long.optimizer.lr * scale, "{}", entry.name);
        let last = short.schedule.milestones.last().copied().unwrap_or(0);
        assert!(short.schedule.warmup < 5 && last < 20, "{}", entry.name);
    }
}

#[test]
fn the_readme_lists_every_recipe_once() {
    let readme = text("recipes/README.md");
    let listed: Vec<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| [`")?.split_once(".toml`]"))
        .map(|(name, rest)| {
            assert!(rest.starts_with(&format!("({name}.toml) | ")), "{name}: {rest}");
            name.to_owned()
        })
        .collect();
    let mut sorted = listed.clone();
    sorted.sort();
    let names: Vec<_> = all().into_iter().map(|entry| entry.name).collect();
    let mut expected = names;
    expected.sort();
    assert_eq!(sorted, expected);
}
