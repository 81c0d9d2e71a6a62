//! What of a file goes where in a network.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use sha2::{Digest, Sha256};

use super::{
    Difference, Misfit, Pretrained, PretrainedError, Stored,
    likely::likely,
    names::{Prefix, is_counter},
    pytorch::no_tensor,
};
use crate::{
    counted::counted,
    data::names::listed,
    hex::hex,
    model::{
        ModelError, Network, Part, Roles,
        weights::{self, ModulePath, State},
    },
};

/// Names that are said of many.
const NAMED: usize = 3;
/// What stands before the names of an encoder in this program.
const ENCODER: &str = "encoder.";

/// What a file gives a network, and what it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The file.
    pub file: String,
    /// The key of the file that the weights are nested under.
    pub key: Option<String>,
    /// Tensors of the network that have the file's values, in the network's order.
    pub loaded: Vec<String>,
    /// Tensors of the file beside them that are not taken, by the file's names.
    pub skipped: Vec<String>,
    /// Tensors of the network that stay as they are, in the network's order.
    pub missing: Vec<String>,
}

/// The values of a file that a network takes.
#[derive(Debug, Clone)]
pub struct Fitted {
    state: State,
    loaded: Loaded,
}

impl Fitted {
    /// What it is.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What tells these weights from others, whatever file they come from: a hash of names, shapes and values.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        weights::hash(&self.state, &mut hash);
        hex(hash.finalize())
    }

    /// The network with these values, which has to be of the configuration that they were fitted to.
    ///
    /// # Errors
    /// [`ModelError::Shape`] or [`ModelError::UnknownTensor`] for another one.
    pub fn fill(self, network: Network) -> Result<Network, ModelError> {
        let mut state = weights::state(&network);
        state.extend(self.state);
        weights::with_state(network, state, &self.loaded.file)
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, loaded, skipped, missing } = self;
        let count = |names: &[String]| counted(names.len(), "tensor", "tensors");
        write!(f, "begins with {} of {file}", count(loaded))?;
        key.iter().try_for_each(|key| write!(f, " (its {key})"))?;
        if !missing.is_empty() {
            write!(f, "; new: {}", listed(missing, NAMED))?;
        }
        if !skipped.is_empty() {
            write!(f, "; {} of the file not taken: {}", count(skipped), listed(skipped, NAMED))?;
        }
        Ok(())
    }
}

impl Pretrained {
    /// What `network` takes of the file: all of its encoder, and its classifier and heads where the file has the same.
    ///
    /// # Errors
    /// [`PretrainedError`] unless the encoder is filled wholly, with finite values, and nothing of the file's encoder is
    /// left.
    pub fn fitted(&self, network: &Network) -> Result<Fitted, PretrainedError> {
        let places = Places::of(network);
        let fit = Fit::new(self, &places, network.encoder_name())?;
        let mut taken = fit.encoder()?;
        for part in Part::ALL.into_iter().filter(|part| *part != Part::Encoder) {
            taken.extend(fit.whole(part).into_iter().flatten());
        }
        let mut state = State::new();
        for (name, (of_file, stored)) in &taken {
            state.insert((*name).to_owned(), stored.values(of_file, &self.file())?);
        }
        let used: BTreeSet<&str> = taken.values().map(|(of_file, _)| *of_file).collect();
        let names = places.0.iter().map(|place| place.name.clone());
        let (loaded, missing) = names.partition(|name| taken.contains_key(&name[..]));
        let loaded = Loaded {
            file: self.file(),
            key: fit.prefix.key().map(str::to_owned),
            loaded,
            skipped: fit.beside(&used),
            missing,
        };
        Ok(Fitted { state, loaded })
    }
}

/// A tensor of the file, under its name there.
type Found<'a> = (&'a str, &'a Stored);
/// Tensors of the file, by the network's names.
type Taken<'a> = BTreeMap<&'a str, Found<'a>>;

/// A file beside a network.
struct Fit<'a> {
    pretrained: &'a Pretrained,
    places: &'a Places,
    network: String,
    prefix: Prefix<'a>,
}

impl<'a> Fit<'a> {
    fn new(
        pretrained: &'a Pretrained,
        places: &'a Places,
        network: String,
    ) -> Result<Self, PretrainedError> {
        let own: BTreeSet<&str> = places.of_encoder().collect();
        let names = || pretrained.tensors.keys().map(String::as_str);
        let prefix = Prefix::of(names(), &own).ok_or_else(|| PretrainedError::Names {
            file: pretrained.file(),
            network: network.clone(),
            has: listed(&names().collect::<Vec<_>>(), NAMED),
            needed: places.of_encoder().next().unwrap_or_default().to_owned(),
        })?;
        Ok(Self { pretrained, places, network, prefix })
    }

    /// The tensor of the file for the network's `name`: an encoder's has the prefix, the others stand anywhere outside.
    fn find(&self, name: &str) -> Option<Found<'a>> {
        let get = |name: String| self.pretrained.tensors.get_key_value(&name);
        let found = match name.strip_prefix(ENCODER) {
            Some(own) => get(format!("{}{own}", self.prefix.0)),
            None => self.prefix.outward().find_map(|prefix| get(format!("{prefix}{name}"))),
        };
        found.map(|(name, stored)| (name.as_str(), stored))
    }

    fn encoder(&self) -> Result<Taken<'a>, PretrainedError> {
        let mut taken = Taken::new();
        for place in self.places.of_part(Part::Encoder) {
            let expected = place.shape.clone();
            match self.find(&place.name) {
                None => return Err(self.misfit(self.missing(place))),
                Some((name, stored)) if stored.shape != expected => {
                    let (name, found) = (name.to_owned(), stored.shape.clone());
                    return Err(self.misfit(Difference::Shape { name, found, expected }));
                }
                Some(found) => taken.insert(&place.name, found),
            };
        }
        match self.surplus(&taken) {
            None => Ok(taken),
            Some((name, stored)) => {
                let (name, shape) = (name.to_owned(), stored.shape.clone());
                Err(self.misfit(Difference::Surplus { name, shape }))
            }
        }
    }

    /// What the file has in the place of a tensor that it lacks.
    fn missing(&self, place: &Place) -> Difference {
        let own = place.name.strip_prefix(ENCODER).unwrap_or(&place.name);
        let of_file = format!("{}{own}", self.prefix.0);
        match no_tensor(self.pretrained.path(), &of_file) {
            Some(found) => Difference::NoTensor { name: of_file, found },
            None => Difference::Missing { name: place.name.clone(), shape: place.shape.clone() },
        }
    }

    fn misfit(&self, difference: Difference) -> PretrainedError {
        let (file, network) = (self.pretrained.file(), self.network.clone());
        let likely = self.likely();
        PretrainedError::Misfit(Box::new(Misfit { file, network, difference, likely }))
    }

    /// A tensor of the file's encoder that this one has no place for: it would compute something else.
    fn surplus(&self, taken: &Taken<'a>) -> Option<Found<'a>> {
        let used: BTreeSet<&str> = taken.values().map(|(name, _)| *name).collect();
        let first = |name: &'a str| name.split('.').next().unwrap_or_default();
        let own: BTreeSet<&str> = self.places.of_encoder().map(first).collect();
        let is_stage = |part: &str| {
            part.strip_prefix("layer").is_some_and(|number| number.parse::<usize>().is_ok())
        };
        self.below_prefix()
            .filter(|(name, (of_file, _))| {
                !used.contains(of_file) && (own.contains(first(name)) || is_stage(first(name)))
            })
            .map(|(_, found)| found)
            .next()
    }

    /// What the file has under the prefix, by the names behind it.
    fn below_prefix(&self) -> impl Iterator<Item = (&'a str, Found<'a>)> {
        let prefix = self.prefix.0;
        self.pretrained.tensors.iter().filter_map(move |(name, stored)| {
            Some((name.strip_prefix(prefix)?, (name.as_str(), stored)))
        })
    }

    fn likely(&self) -> Option<String> {
        let shapes = self.below_prefix().map(|(name, (_, stored))| (name, &stored.shape[..]));
        likely(&shapes.collect(), &self.network)
    }

    /// All tensors of a part, if the file has them all in these shapes and no more of their layers.
    fn whole(&self, part: Part) -> Option<Taken<'a>> {
        let mut taken = Taken::new();
        for place in self.places.of_part(part) {
            let (name, stored) = self.find(&place.name)?;
            if stored.shape != place.shape {
                return None;
            }
            taken.insert(&place.name, (name, stored));
        }
        let layer = |name: &'a str| name.rsplit_once('.').map_or("", |(layer, _)| layer);
        let used: BTreeSet<&str> = taken.values().map(|(name, _)| *name).collect();
        let layers: BTreeSet<&str> = used.iter().map(|name| layer(name)).collect();
        let mut names = self.pretrained.tensors.keys();
        names.all(|name| used.contains(&name[..]) || !layers.contains(layer(name))).then_some(taken)
    }

    /// What the file has beside what is used, under the same key.
    fn beside(&self, used: &BTreeSet<&str>) -> Vec<String> {
        let key = self.prefix.key().map_or_else(String::new, |key| format!("{key}."));
        let names = self.pretrained.tensors.keys();
        let names = names.filter(|name| name.starts_with(&key) && !is_counter(name));
        names.filter(|name| !used.contains(&name[..])).cloned().collect()
    }
}

/// A tensor of a network.
struct Place {
    name: String,
    shape: Vec<usize>,
    part: Part,
}

/// The tensors of a network in its order.
struct Places(Vec<Place>);

impl Places {
    fn of(network: &Network) -> Self {
        let mut visitor =
            Visitor { path: ModulePath::default(), roles: network.roles(), places: Vec::new() };
        network.visit(&mut visitor);
        Self(visitor.places)
    }

    fn of_part(&self, part: Part) -> impl Iterator<Item = &Place> {
        self.0.iter().filter(move |place| place.part == part)
    }

    /// The names of the encoder's tensors that all branches have in common, as the encoder alone has them.
    fn of_encoder(&self) -> impl Iterator<Item = &str> {
        self.of_part(Part::Encoder).filter_map(|place| place.name.strip_prefix(ENCODER))
    }
}

struct Visitor<'a> {
    path: ModulePath,
    roles: &'a Roles,
    places: Vec<Place>,
}

impl ModuleVisitor for Visitor<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let part = self.roles.get(param.id).map_or(Part::Encoder, |role| role.part);
        let shape = param.val().dims().to_vec();
        self.places.push(Place { name: self.path.name(), shape, part });
    }
}
