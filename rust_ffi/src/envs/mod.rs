//! The environments, and the registry that knows them by id. A new one is a file here and a line in
//! [`REGISTRY`]; those of plug-ins are added while the process runs.

pub mod bucket_brigade;
pub mod classic;
pub mod market;
pub mod plugin;

use crate::engine::columns::check_room;
use crate::engine::config::Config;
use crate::engine::environment::Environment;
use crate::engine::error::{did_you_mean, Error, Result, Status};
use crate::engine::spec::Spec;
use crate::engine::vec_env::{AnyVecEnv, Setup, VecEnv};
use bucket_brigade::env::AnyBrigade;
use classic::control::Control;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// An environment by id.
pub struct Entry {
    /// The id, `Name-vN`.
    pub id: &'static str,
    make: fn(Config, Setup) -> Result<Box<dyn AnyVecEnv>>,
    spec: fn(Config) -> Result<Spec>,
}

/// All environments, by id.
pub const REGISTRY: &[Entry] = &[
    Entry { id: bucket_brigade::env::ID, make: make_brigade, spec: spec_of_brigade },
    Entry { id: market::env::ID, make: make_market, spec: spec_of_market },
    classic_entry::<classic::cartpole::CartPole>(),
    classic_entry::<classic::mountain_car::MountainCar>(),
    classic_entry::<classic::continuous_mountain_car::ContinuousMountainCar>(),
    classic_entry::<classic::pendulum::Pendulum>(),
    classic_entry::<classic::acrobot::Acrobot>(),
];

const fn classic_entry<G: Control>() -> Entry {
    Entry { id: G::ID, make: make_classic::<G>, spec: spec_of_classic::<G> }
}

fn make_classic<G: Control>(config: Config, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    let options = classic::describe::Options::<G>::read(config)?;
    if options.wide {
        boxed(classic::env::Classic::<G, f64>::new(options), setup)
    } else {
        boxed(classic::env::Classic::<G, f32>::new(options), setup)
    }
}

fn spec_of_classic<G: Control>(config: Config) -> Result<Spec> {
    let options = classic::describe::Options::<G>::read(config)?;
    Ok(if options.wide {
        classic::env::Classic::<G, f64>::new(options).spec().clone()
    } else {
        classic::env::Classic::<G, f32>::new(options).spec().clone()
    })
}

/// A batch of `env`, not yet reset.
pub(crate) fn boxed<E: Environment>(env: E, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    let made = VecEnv::new(env, setup)?;
    // For its box and those of its handle, which the system has no way to refuse.
    check_room(1, size_of::<VecEnv<E>>() + 4096)?;
    Ok(Box::new(made))
}

fn make_brigade(config: Config, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    match AnyBrigade::new(bucket_brigade::options::Options::read(config)?) {
        AnyBrigade::Word(game) => boxed(game, setup),
        AnyBrigade::Wide(game) => boxed(game, setup),
    }
}

fn spec_of_brigade(config: Config) -> Result<Spec> {
    Ok(match AnyBrigade::new(bucket_brigade::options::Options::read(config)?) {
        AnyBrigade::Word(game) => game.spec().clone(),
        AnyBrigade::Wide(game) => game.spec().clone(),
    })
}

fn make_market(config: Config, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    let options = market::params::Options::read(config)?;
    if options.wide {
        boxed(market::env::Market::<f64>::new(options), setup)
    } else {
        boxed(market::env::Market::<f32>::new(options), setup)
    }
}

fn spec_of_market(config: Config) -> Result<Spec> {
    let options = market::params::Options::read(config)?;
    Ok(market::env::Market::<f32>::new(options).spec().clone())
}

/// An environment from outside.
pub trait Guest: Send + Sync {
    /// The id, `Name-vN`.
    fn id(&self) -> &str;
    /// A batch under a configuration.
    fn make(&self, config: Config, setup: Setup) -> Result<Box<dyn AnyVecEnv>>;
    /// The specification under a configuration.
    fn spec(&self, config: Config) -> Result<Spec>;
}

/// Environments that were added together, and those that were added next. Nothing is ever taken away, so that looking
/// something up needs no lock, which a fork could leave held.
struct Added {
    guests: Vec<Arc<dyn Guest>>,
    next: OnceLock<Box<Added>>,
}

static ADDED: OnceLock<Box<Added>> = OnceLock::new();
/// Held while something is added.
static ADDING: Mutex<()> = Mutex::new(());

/// Environments that were added, in order.
fn guests() -> impl Iterator<Item = &'static Arc<dyn Guest>> {
    std::iter::successors(ADDED.get(), |added| added.next.get()).flat_map(|added| &added.guests)
}

/// Adds environments, all or none: an id that is taken is refused.
pub fn add(new: Vec<Arc<dyn Guest>>) -> Result<()> {
    let _alone = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut taken = ids();
    for guest in &new {
        if taken.iter().any(|id| id == guest.id()) {
            let message = format!("{:?}: an environment of that id is there already", guest.id());
            return Err(plugin::invalid(message));
        }
        taken.push(guest.id().into());
    }
    let mut end = &ADDED;
    while let Some(added) = end.get() {
        end = &added.next;
    }
    // Nobody else is adding: the end is still empty.
    end.get_or_init(|| Box::new(Added { guests: new, next: OnceLock::new() }));
    Ok(())
}

/// Ids of all environments.
pub fn ids() -> Vec<String> {
    let added = guests().map(|guest| guest.id().to_string());
    REGISTRY.iter().map(|entry| entry.id.to_string()).chain(added).collect()
}

enum Found {
    Own(&'static Entry),
    Guest(&'static dyn Guest),
}

fn find(id: &str) -> Result<Found> {
    if let Some(entry) = REGISTRY.iter().find(|entry| entry.id == id) {
        return Ok(Found::Own(entry));
    }
    if let Some(guest) = guests().find(|guest| guest.id() == id) {
        return Ok(Found::Guest(&**guest));
    }
    let ids = ids();
    let hint = did_you_mean(id, ids.iter().map(String::as_str));
    Err(Error::new(Status::UnknownId, format!("{id:?}: no environment of that id{hint}")))
}

/// A batch of the environment `id` under a JSON configuration (empty for the default).
pub fn make_vec(id: &str, config: &str, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    match find(id)? {
        Found::Own(entry) => (entry.make)(Config::parse(config)?, setup),
        Found::Guest(guest) => guest.make(Config::parse(config)?, setup),
    }
}

/// The specification of the environment `id` under a JSON configuration (empty for the default).
pub fn spec(id: &str, config: &str) -> Result<Spec> {
    match find(id)? {
        Found::Own(entry) => (entry.spec)(Config::parse(config)?),
        Found::Guest(guest) => guest.spec(Config::parse(config)?),
    }
}
