//! The environments, and the registry that knows them by id. A new one is a file here and a line in
//! [`REGISTRY`].

pub mod bucket_brigade;
pub mod classic;
pub mod market;

use crate::engine::config::Config;
use crate::engine::error::{did_you_mean, Error, Result, Status};
use crate::engine::spec::Spec;
use crate::engine::vec_env::{AnyVecEnv, Environment, Setup, VecEnv};
use bucket_brigade::env::AnyBrigade;
use classic::control::Control;

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
    let options = classic::env::Options::<G>::read(config)?;
    if options.wide {
        boxed(classic::env::Classic::<G, f64>::new(options), setup)
    } else {
        boxed(classic::env::Classic::<G, f32>::new(options), setup)
    }
}

fn spec_of_classic<G: Control>(config: Config) -> Result<Spec> {
    let options = classic::env::Options::<G>::read(config)?;
    Ok(if options.wide {
        classic::env::Classic::<G, f64>::new(options).spec().clone()
    } else {
        classic::env::Classic::<G, f32>::new(options).spec().clone()
    })
}

fn boxed<E: Environment>(env: E, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    Ok(Box::new(VecEnv::new(env, setup)?))
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

fn find(id: &str) -> Result<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.id == id).ok_or_else(|| {
        let hint = did_you_mean(id, REGISTRY.iter().map(|entry| entry.id));
        Error::new(Status::UnknownId, format!("{id:?}: no environment of that id{hint}"))
    })
}

/// A batch of the environment `id` under a JSON configuration (empty for the default).
pub fn make_vec(id: &str, config: &str, setup: Setup) -> Result<Box<dyn AnyVecEnv>> {
    (find(id)?.make)(Config::parse(config)?, setup)
}

/// The specification of the environment `id` under a JSON configuration (empty for the default).
pub fn spec(id: &str, config: &str) -> Result<Spec> {
    (find(id)?.spec)(Config::parse(config)?)
}
