//! A module of any type as the encoder of a network: [`burn::module::Module`] has generic methods, so that what a
//! network keeps is the module behind ones that are not.

use std::{any::Any, fmt};

use burn::{
    module::{
        Content, Devices, Flag, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper,
        ModuleVisitor, Param,
    },
    tensor::{Bool, Device, Int, Tensor},
};

/// A Burn module that is the encoder of a network (`examples/own_model.rs`).
pub trait Encode: Module + Sync + 'static {
    /// Features of an image.
    fn features(&self) -> usize;

    /// `images`: `[rows, height, width, 3]` in f32, normalised; gives features `[rows, features]` in f32. Layers that
    /// behave otherwise in training, such as Burn's `BatchNorm`, see which it is.
    ///
    /// What is random in it, such as dropout, is not part of a checkpoint: a run that goes on within an epoch then ends
    /// with other bits than an unbroken one.
    fn forward(&self, images: Tensor<4>) -> Tensor<2>;
}

/// An [`Encode`] of any type. Parameters have up to eight dimensions.
pub struct OwnEncoder(Box<dyn Erased>);

impl OwnEncoder {
    /// The encoder that a module is.
    pub fn new(module: impl Encode) -> Self {
        Self(Box::new(module))
    }

    /// Features of an image.
    pub fn features(&self) -> usize {
        self.0.features()
    }

    /// `images`: `[rows, height, width, 3]`; gives features `[rows, features]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.0.forward(images)
    }
}

impl Clone for OwnEncoder {
    fn clone(&self) -> Self {
        Self(self.0.cloned())
    }
}

impl fmt::Debug for OwnEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ModuleDisplayDefault for OwnEncoder {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content.set_top_level_type("OwnEncoder"))
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl ModuleDisplay for OwnEncoder {}

impl Module for OwnEncoder {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.forked(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.moved(device))
    }

    fn train(self) -> Self {
        Self(self.0.trained())
    }

    fn valid(&self) -> Self {
        Self(self.0.validated())
    }

    fn materialize(self) -> Self {
        Self(self.0.materialized())
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        self.0.visited(visitor);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        Self(self.0.mapped(mapper))
    }
}

/// [`Encode`] without generic methods.
trait Erased: fmt::Debug + Send + Sync {
    fn features(&self) -> usize;
    fn forward(&self, images: Tensor<4>) -> Tensor<2>;
    fn cloned(&self) -> Box<dyn Erased>;
    fn devices(&self, devices: Devices) -> Devices;
    fn forked(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn moved(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn trained(self: Box<Self>) -> Box<dyn Erased>;
    fn validated(&self) -> Box<dyn Erased>;
    fn materialized(self: Box<Self>) -> Box<dyn Erased>;
    fn visited(&self, visitor: &mut dyn AnyVisitor);
    fn mapped(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn Erased>;
}

impl<E: Encode> Erased for E {
    fn features(&self) -> usize {
        Encode::features(self)
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        Encode::forward(self, images)
    }

    fn cloned(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn devices(&self, devices: Devices) -> Devices {
        self.collect_devices(devices)
    }

    fn forked(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(self.fork(device))
    }

    fn moved(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(self.to_device(device))
    }

    fn trained(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(self.train())
    }

    fn validated(&self) -> Box<dyn Erased> {
        Box::new(self.valid())
    }

    fn materialized(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(self.materialize())
    }

    fn visited(&self, visitor: &mut dyn AnyVisitor) {
        settle(self);
        self.visit(&mut Visiting(visitor));
    }

    fn mapped(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn Erased> {
        settle(self.as_ref());
        Box::new(self.map(&mut Mapping(mapper)))
    }
}

/// Burn keeps the last update of a running statistic aside, where neither a visitor nor a mapper sees it, until a module
/// like this takes it over.
fn settle(module: &impl Encode) {
    drop(module.valid());
}

/// A [`ModuleVisitor`] that takes parameters of any rank behind `dyn Any`.
trait AnyVisitor {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn flag(&mut self, flag: &Param<Flag>);
    fn param(&mut self, param: &dyn Any);
}

/// A [`ModuleMapper`] that takes parameters of any rank behind `dyn Any`, and gives ones of the same type.
trait AnyMapper {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag>;
    fn param(&mut self, param: Box<dyn Any>) -> Box<dyn Any>;
}

/// Tries the ranks one after the other: a parameter is of one of them.
macro_rules! for_ranks {
    ($macro:ident, $($rank:literal)*) => { $($macro!($rank);)* };
}

impl<V: ModuleVisitor> AnyVisitor for V {
    fn enter(&mut self, name: &str, container: &str) {
        self.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.exit_module(name, container);
    }

    fn flag(&mut self, flag: &Param<Flag>) {
        self.visit_flag(flag);
    }

    fn param(&mut self, param: &dyn Any) {
        macro_rules! visit {
            ($rank:literal) => {
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank>>>() {
                    return self.visit_float(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Int>>>() {
                    return self.visit_int(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Bool>>>() {
                    return self.visit_bool(param);
                }
            };
        }
        for_ranks!(visit, 1 2 3 4 5 6 7 8);
    }
}

impl<M: ModuleMapper> AnyMapper for M {
    fn enter(&mut self, name: &str, container: &str) {
        self.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.exit_module(name, container);
    }

    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.map_flag(flag)
    }

    fn param(&mut self, param: Box<dyn Any>) -> Box<dyn Any> {
        let mut param = param;
        macro_rules! map {
            ($rank:literal) => {
                param = match of_type(param, |p: Param<Tensor<$rank>>| self.map_float(p)) {
                    Ok(mapped) => return mapped,
                    Err(other) => other,
                };
                param = match of_type(param, |p: Param<Tensor<$rank, Int>>| self.map_int(p)) {
                    Ok(mapped) => return mapped,
                    Err(other) => other,
                };
                param = match of_type(param, |p: Param<Tensor<$rank, Bool>>| self.map_bool(p)) {
                    Ok(mapped) => return mapped,
                    Err(other) => other,
                };
            };
        }
        for_ranks!(map, 1 2 3 4 5 6 7 8);
        param
    }
}

/// A value as `map` makes it if it is a `P`, or as it was.
fn of_type<P: Any>(
    value: Box<dyn Any>,
    map: impl FnOnce(P) -> P,
) -> Result<Box<dyn Any>, Box<dyn Any>> {
    value.downcast::<P>().map(|value| Box::new(map(*value)) as Box<dyn Any>)
}

/// [`AnyVisitor`] as a visitor again.
struct Visiting<'a>(&'a mut dyn AnyVisitor);

impl ModuleVisitor for Visiting<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.param(param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.param(param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.param(param);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.flag(flag);
    }
}

/// [`AnyMapper`] as a mapper again.
struct Mapping<'a>(&'a mut dyn AnyMapper);

impl Mapping<'_> {
    /// What the mapper makes of a parameter, of the type that it had.
    fn of<P: Any + Clone>(&mut self, param: P) -> P {
        let kept = param.clone();
        self.0.param(Box::new(param)).downcast().map_or(kept, |param| *param)
    }
}

impl ModuleMapper for Mapping<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.of(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.of(param)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.of(param)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.flag(flag)
    }
}
