//! From options to a layer of a recipe.

use std::path::{Path, PathBuf};

use longtail::{
    data::source,
    recipe::{DataTyped, Protocol, RecipeError, RecipeFile},
};

use super::recipes;
use crate::args::{DataArgs, KnobArgs, PlaceArgs, SearchArgs, TrainArgs};

/// The recipe file, the protocol and the options, in the order in which they win.
pub fn layers(args: &TrainArgs) -> Result<Vec<RecipeFile>, RecipeError> {
    stacked(args.recipe.as_deref(), args.protocol, &args.data, &args.knobs)
}

/// The same of a search.
pub fn layers_of_search(args: &SearchArgs) -> Result<Vec<RecipeFile>, RecipeError> {
    stacked(args.recipe.as_deref(), args.protocol, &args.data, &args.knobs)
}

fn stacked(
    recipe: Option<&Path>,
    protocol: Option<Protocol>,
    data: &DataArgs,
    knobs: &KnobArgs,
) -> Result<Vec<RecipeFile>, RecipeError> {
    let recipe = recipe.map(recipes::read).transpose()?;
    let mut options = data_layer(data)?;
    options.merge(knob_layer(knobs)?);
    let protocol = protocol.map(Protocol::layer);
    Ok([recipe, protocol, Some(options)].into_iter().flatten().collect())
}

/// The options about data.
pub fn data_layer(args: &DataArgs) -> Result<RecipeFile, RecipeError> {
    if let Some(factor) = args.imbalance.filter(|factor| *factor == 0.0) {
        let mend =
            "the imbalance factor is at least 1; leave it out to take the images as they come";
        let value = factor.to_string();
        return Err(RecipeError::Value { key: "data.imbalance".into(), value, mend: mend.into() });
    }
    contradiction(args)?;
    let mut layer = RecipeFile::default();
    let data = &mut layer.data;
    data.name = args.data.clone();
    data.dir = args.data_dir.clone();
    data.train_list = args.train_list.clone();
    data.val_list = args.val_list.clone();
    data.test_list = args.test_list.clone();
    data.image_size = args.image_size;
    data.resize = args.resize;
    data.shorter_side = args.shorter_side;
    data.storage = args.storage;
    data.cache = args.cache.clone();
    data.cache_gib = args.cache_gib;
    data.imbalance = args.imbalance;
    data.split_seed = args.split_seed;
    data.val = args.val;
    data.split = args.split.clone();
    data.any_content = args.any_content.then_some(true);
    data.skip_broken = args.skip_broken.then_some(true);
    Ok(layer)
}

/// Refuses options of which one would go unheard.
fn contradiction(args: &DataArgs) -> Result<(), RecipeError> {
    match (&args.data, &args.train_list) {
        // Any other name is what the lists are called.
        (Some(data), Some(list)) if source::is_known(data) || Path::new(data).exists() => {
            let mend = format!(
                "--train-list {} is another data set: leave one of them out; --data-dir says below which folder the \
                 paths of a list begin",
                list.display()
            );
            Err(RecipeError::Value { key: "data.name".into(), value: data.clone(), mend })
        }
        _ => Ok(()),
    }
}

/// The files and folders that images are read from.
pub fn named(data: &DataTyped) -> Vec<PathBuf> {
    let name = data.name.iter().filter(|name| !source::is_known(name)).map(PathBuf::from);
    let paths = [&data.dir, &data.train_list, &data.val_list, &data.test_list];
    let paths = paths.into_iter().flatten().filter(|path| !path.as_os_str().is_empty());
    name.chain(paths.cloned()).collect()
}

/// The options about where images are now.
pub fn place_layer(args: &PlaceArgs) -> DataTyped {
    DataTyped {
        name: args.data.clone(),
        dir: args.data_dir.clone(),
        train_list: args.train_list.clone(),
        val_list: args.val_list.clone(),
        test_list: args.test_list.clone(),
        cache: args.cache.clone(),
        cache_gib: args.cache_gib,
        skip_broken: args.skip_broken.then_some(true),
        ..DataTyped::default()
    }
}

fn knob_layer(args: &KnobArgs) -> Result<RecipeFile, RecipeError> {
    let mut layer = RecipeFile::default();
    layer.method.name = args.method;
    layer.method.teacher.clone_from(&args.teacher);
    layer.model.backbone = args.backbone;
    layer.model.weights.clone_from(&args.weights);
    layer.model.classifier = args.classifier;
    layer.compression.preset = args.compression;
    layer.views.classifier = args.classifier_view;
    layer.views.contrastive = args.contrastive_views;
    layer.train.precision = args.precision;
    layer.train.epochs = args.epochs;
    layer.train.batch_size = args.batch_size;
    layer.train.micro_batch = args.micro_batch;
    layer.train.seed = args.seed;
    layer.train.checkpoint_steps = args.checkpoint_steps;
    layer.optimizer.lr = args.lr;
    layer.optimizer.weight_decay = args.weight_decay;
    layer.contrastive.temperature = args.temperature;
    layer.loss.tau = args.tau;
    layer.loss.alpha = args.alpha;
    layer.loss.beta = args.beta;
    for set in &args.set {
        layer.merge(parse_set(set)?);
    }
    Ok(layer)
}

/// `section.key=value`, the value as in a recipe file; a bare word is taken as a string.
pub fn parse_set(text: &str) -> Result<RecipeFile, RecipeError> {
    let option = format!("--set {text}");
    let Some((key, value)) = text.split_once('=') else {
        let reason = "write section.key=value".into();
        return Err(RecipeError::Parse { file: option, line: 1, reason });
    };
    RecipeFile::of_value(key, value, &option)
}
