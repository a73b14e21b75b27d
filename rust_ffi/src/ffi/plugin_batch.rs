//! A batch of a plug-in: the engine's, and around it what a plug-in needs: failures on their way out, one thread at a
//! time where it wants that, and the values it wrote against what it promised.

use super::plugin_call::Caller;
use crate::engine::actions::Actions;
use crate::engine::columns::Dtype;
use crate::engine::error::{Error, Result, Status};
use crate::engine::spec::{Space, Spec};
use crate::engine::vec_env::{widen, AnyVecEnv, RawOutputs, ResetRequest};
use crate::envs::plugin::Bounds;
use std::cell::RefCell;
use std::sync::Arc;

/// See the module.
pub(super) struct PluginBatch {
    inner: Box<dyn AnyVecEnv>,
    caller: Arc<Caller>,
    /// Of the declared columns.
    bounds: Vec<Bounds>,
    /// The failure that is not mended yet.
    poisoned: RefCell<Option<String>>,
}

impl PluginBatch {
    pub fn new(inner: Box<dyn AnyVecEnv>, caller: Arc<Caller>, bounds: Vec<Bounds>) -> Self {
        PluginBatch { inner, caller, bounds, poisoned: RefCell::new(None) }
    }

    fn check_sound(&self) -> Result<()> {
        match &*self.poisoned.borrow() {
            None => Ok(()),
            Some(why) => {
                let message = format!("handle: the plug-in failed ({why}); reset all environments, or free the handle");
                Err(Error::new(Status::Poisoned, message))
            }
        }
    }

    /// Changes the batch; a failure of the plug-in leaves it poisoned.
    fn change(&mut self, work: impl FnOnce(&mut dyn AnyVecEnv) -> Result<()>) -> Result<()> {
        let outcome = {
            let _turn = self.caller.instance.turn();
            work(&mut *self.inner)
        };
        match self.caller.take_failure() {
            Some(failure) => Err(self.poison(failure)),
            None => outcome,
        }
    }

    fn poison(&self, failure: Error) -> Error {
        *self.poisoned.borrow_mut() = Some(failure.message.clone());
        failure
    }

    fn failed(&self, message: String) -> Error {
        self.poison(Error::new(Status::PluginFailed, format!("{}: {message}", self.caller.instance.id())))
    }

    /// In a checked batch: observations of some rows against their spaces.
    fn check_observations(&self, what: &str, bytes: &[u8], is_new: impl Fn(usize) -> bool) -> Result<()> {
        if !self.caller.checked {
            return Ok(());
        }
        let spec = self.inner.spec();
        let (width, dtype) = (spec.observation_len(), spec.observation_dtype);
        let rows = bytes.chunks_exact(spec.agents.len() * width * dtype.size());
        for (row, bytes) in rows.enumerate().filter(|(row, _)| is_new(*row)) {
            for (agent, bytes) in spec.agents.iter().zip(bytes.chunks_exact(width * dtype.size())) {
                let Space::Box { low, high, names, .. } = &agent.observation else { continue };
                for (k, bytes) in bytes.chunks_exact(dtype.size()).enumerate() {
                    let (x, zero) = (widen(dtype, bytes), Some(0.0));
                    let bound = |bounds: &[Option<f64>]| rounded(bounds.get(k).copied().unwrap_or(zero), dtype);
                    let (low, high) = (bound(low), bound(high));
                    if !(x.is_finite() && low.is_none_or(|low| low <= x) && high.is_none_or(|high| x <= high)) {
                        let env = row % self.inner.num_envs();
                        let name = names.get(k).map_or("padding", String::as_str);
                        let words = |bound: Option<f64>| bound.map_or("-".into(), |bound| bound.to_string());
                        return Err(self.failed(format!(
                            "{what}[env {env}] ({}, {name}): expected a finite number within [{}, {}], got {x:?}",
                            agent.name,
                            words(low),
                            words(high)
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// In a checked batch: rewards.
    fn check_rewards(&self, bytes: &[u8]) -> Result<()> {
        if !self.caller.checked {
            return Ok(());
        }
        let spec = self.inner.spec();
        let (agents, dtype) = (spec.agents.len(), spec.reward_dtype);
        for (k, bytes) in bytes.chunks_exact(dtype.size()).enumerate() {
            let x = widen(dtype, bytes);
            if !x.is_finite() {
                let (env, agent) = (k / agents % self.inner.num_envs(), &spec.agents[k % agents].name);
                return Err(self.failed(format!("rewards[env {env}] ({agent}): expected a finite number, got {x:?}")));
            }
        }
        Ok(())
    }

    /// The first value of a column with bounds that is beyond them, in an environment that was ever reset.
    fn beyond_bounds(&self) -> Result<Option<String>> {
        let were_reset = self.inner.were_reset();
        for (field, bounds) in self.inner.spec().columns.iter().zip(&self.bounds) {
            if !bounds.are_any() {
                continue;
            }
            let mut bytes = vec![0; self.inner.column_bytes(&field.name)?];
            self.inner.column(&field.name, &mut bytes)?;
            for (env, row) in bytes.chunks_exact(field.row_bytes()).enumerate().filter(|(env, _)| were_reset[*env]) {
                for (k, bytes) in row.chunks_exact(field.dtype.size()).enumerate() {
                    if let Err(e) = bounds.check(widen(field.dtype, bytes)) {
                        return Ok(Some(format!("{}[env {env}, {k}]: {}", field.name, e.message)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// In a checked batch: the state against its bounds.
    fn check_state(&self) -> Result<()> {
        match if self.caller.checked { self.beyond_bounds()? } else { None } {
            Some(message) => Err(self.failed(format!("columns: {message}"))),
            None => Ok(()),
        }
    }

    fn check_results(&self, out: &RawOutputs<'_>) -> Result<()> {
        self.check_rewards(out.rewards)?;
        self.check_observations("observations", out.observations, |_| true)?;
        self.check_observations("final_observations", out.final_observations, |row| {
            out.final_mask.get(row) == Some(&1)
        })?;
        self.check_state()
    }
}

/// A bound as the observation's own type has it.
fn rounded(bound: Option<f64>, dtype: Dtype) -> Option<f64> {
    bound.map(|bound| if dtype == Dtype::Float32 { f64::from(bound as f32) } else { bound })
}

impl AnyVecEnv for PluginBatch {
    fn spec(&self) -> &Spec {
        self.inner.spec()
    }

    fn num_envs(&self) -> usize {
        self.inner.num_envs()
    }

    fn reset(&mut self, request: ResetRequest<'_>, observations: &mut [u8]) -> Result<()> {
        if request.mask.is_some() {
            self.check_sound()?;
        }
        self.change(|inner| inner.reset(request, observations))?;
        *self.poisoned.borrow_mut() = None;
        let is_new = |row: usize| request.mask.is_none_or(|mask| mask.get(row) == Some(&1));
        self.check_observations("observations", observations, is_new)?;
        self.check_state()
    }

    fn step(&mut self, actions: Actions<'_>, mut out: RawOutputs<'_>) -> Result<()> {
        self.check_sound()?;
        self.change(|inner| inner.step(actions, out.again()))?;
        self.check_results(&out)
    }

    fn check_step(&self, dtype: Dtype, out: RawOutputs<'_>) -> Result<()> {
        self.inner.check_step(dtype, out)
    }

    fn rollout(&mut self, steps: usize, actions: Option<Actions<'_>>, mut out: RawOutputs<'_>) -> Result<()> {
        self.check_sound()?;
        self.change(|inner| inner.rollout(steps, actions, out.again()))?;
        self.check_results(&out)
    }

    fn observe(&self, observations: &mut [u8]) -> Result<()> {
        self.check_sound()?;
        let outcome = {
            let _turn = self.caller.instance.turn();
            self.inner.observe(observations)
        };
        // Nothing has changed: the batch is as good as it was.
        match self.caller.take_failure() {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        self.check_sound()?;
        self.inner.snapshot()
    }

    /// What is restored obeys the bounds of its columns: plug-ins may index with them.
    fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_sound()?;
        if !self.bounds.iter().any(Bounds::are_any) {
            return self.inner.restore(bytes);
        }
        let before = self.inner.snapshot()?;
        self.inner.restore(bytes)?;
        let Some(message) = self.beyond_bounds()? else { return Ok(()) };
        self.inner.restore(&before)?;
        Err(Error::new(Status::SnapshotInvalid, format!("snapshot: {message}")))
    }

    fn column(&self, name: &str, out: &mut [u8]) -> Result<()> {
        self.check_sound()?;
        self.inner.column(name, out)
    }

    fn set_column(&mut self, name: &str, values: &[u8], mask: Option<&[u8]>) -> Result<()> {
        self.check_sound()?;
        self.inner.set_column(name, values, mask)
    }

    fn column_bytes(&self, name: &str) -> Result<usize> {
        self.inner.column_bytes(name)
    }

    fn seeds(&self) -> Vec<u64> {
        self.inner.seeds()
    }

    fn were_reset(&self) -> Vec<bool> {
        self.inner.were_reset()
    }
}
