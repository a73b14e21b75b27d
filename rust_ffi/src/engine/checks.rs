//! What is refused before anything is stepped.

use super::actions::Actions;
use super::block::Block;
use super::columns::{try_vec, Dtype};
use super::environment::Environment;
use super::error::{Error, Result, Status};
use super::outputs::{Infos, Outputs};
use super::threads;
use super::vec_env::{AnyVecEnv, VecEnv};
use crate::simd::Real;
use bytemuck::Zeroable;

impl<E: Environment> VecEnv<E> {
    pub(super) fn check_action_dtype(&self, dtype: Dtype) -> Result<()> {
        let fine = &self.env.spec().action_dtypes;
        if fine.contains(&dtype) {
            return Ok(());
        }
        let names: Vec<_> = fine.iter().map(|dtype| dtype.name()).collect();
        let message = format!("actions: expected {}, got {}", names.join(" or "), dtype.name());
        Err(Error::new(Status::DtypeMismatch, message))
    }

    pub(super) fn check_action_shape(&self, actions: &Actions<'_>, steps: usize) -> Result<()> {
        self.check_action_dtype(actions.dtype())?;
        Error::check_length("actions", actions.len(), steps * self.num_envs() * self.action_width())
    }

    pub(super) fn check_blocks(&self, actions: Actions<'_>, steps: usize) -> Result<()> {
        let cut = self.cut(actions);
        let check = |block: &Block| {
            (0..steps).try_for_each(|step| block.check(&self.rule, self.settings.autoreset, cut.of(step, block)))
        };
        if let [only] = self.blocks.as_slice() {
            return check(only);
        }
        // Lanes check about four numbers in a nanosecond.
        let nanoseconds = actions.len() / 4;
        let count = threads::threads_for(self.threads, self.blocks.len(), nanoseconds);
        let outcome = if count == 1 {
            self.blocks.iter().try_for_each(check)
        } else {
            let each = self.blocks.len().div_ceil(count * threads::PIECES);
            let mut tasks: Vec<_> = self.blocks.chunks(each).map(|blocks| (blocks, Ok(()))).collect();
            threads::for_each(count, &mut tasks, |_, (blocks, outcome)| *outcome = blocks.iter().try_for_each(check));
            tasks.into_iter().try_for_each(|(_, outcome)| outcome)
        };
        outcome.map_err(|found| self.first_refusal(actions, steps).err().unwrap_or(found))
    }

    /// What is told of several reasons to refuse actions must not depend on the blocks: all environments come before all
    /// actions, and one step before the next.
    #[cold]
    pub(super) fn first_refusal(&self, actions: Actions<'_>, steps: usize) -> Result<()> {
        let autoreset = self.settings.autoreset;
        self.blocks.iter().try_for_each(|block| block.check_phases(autoreset))?;
        let cut = self.cut(actions);
        let check =
            |step| self.blocks.iter().try_for_each(|block| block.check(&self.rule, autoreset, cut.of(step, block)));
        (0..steps).try_for_each(check)
    }

    /// Plays a rollout on a copy. In the next-step mode, actions that a reset ignores may be anything, and which those
    /// are only the course of the rollout tells.
    pub(super) fn rehearse(&self, actions: Actions<'_>, steps: usize) -> Result<()> {
        let spec = self.env.spec();
        let cut = self.cut(actions);
        // The first step that is refused, in whichever block, is the one to tell of.
        let (mut outcome, mut left) = (Ok(()), steps);
        for block in &self.blocks {
            let (mut block, mut scratch) = (block.rehearsal(&self.env)?, self.env.scratch(block.rows)?);
            let agents = block.rows * spec.agents.len();
            let mut observations = try_vec(agents * spec.observation_len(), E::Obs::zeroed())?;
            let mut rewards = try_vec(agents, E::Reward::ZERO)?;
            let (mut terminations, mut truncations) = (try_vec(block.rows, 0)?, try_vec(block.rows, 0)?);
            let mut refused = None;
            for step in 0..left {
                let own = cut.of(step, &block);
                if let Err(e) = block.check(&self.rule, self.settings.autoreset, own) {
                    refused = Some((step, e));
                    break;
                }
                let mut out = Outputs {
                    observations: &mut observations,
                    rewards: &mut rewards,
                    terminations: &mut terminations,
                    truncations: &mut truncations,
                    final_observations: &mut [],
                    final_mask: &mut [],
                    episode_returns: &mut [],
                    episode_lengths: &mut [],
                    actions: &mut [],
                    infos: Infos::none(),
                };
                block.step(&self.env, self.settings, &mut scratch, own, &mut out, None);
            }
            if let Some((step, e)) = refused {
                (outcome, left) = (Err(Error::new(e.status, format!("step {step}: {}", e.message))), step);
            }
        }
        outcome
    }

    /// An error if so many steps have more bytes of anything than memory has.
    pub(super) fn check_steps(&self, steps: usize) -> Result<()> {
        let spec = self.env.spec();
        let row = spec.agents.len() * spec.observation_len().max(spec.action_len()).max(1) * size_of::<f64>();
        let bytes = steps.checked_mul(self.num_envs()).and_then(|rows| rows.checked_mul(row));
        match bytes.is_some_and(|bytes| bytes <= isize::MAX as usize) {
            true => Ok(()),
            false => {
                Err(Error::new(Status::InvalidArgument, format!("num_steps: {steps} steps are more than memory has")))
            }
        }
    }
}
