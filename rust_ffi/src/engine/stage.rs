//! A place in the caches for the results of a step, from which they go to memory while the next step is computed.

use super::columns::Aligned;
use super::environment::{Environment, Meanwhile};
use super::error::Result;
use super::outputs::{cut, Infos, Outputs};
use crate::simd::{stream, Level};
use bytemuck::Pod;

/// From so many rows on, results of a rollout leave the caches before anybody reads them.
pub(super) const WORTH_STREAMING: usize = 1 << 18;

/// The results of a block in two steps: one is computed while the other goes to memory past the caches, in whole lines,
/// which then need not be read before they are written. A core that does nothing but write waits for memory half of the
/// time; in between the rules, nobody waits.
pub(super) struct Stage([Side; 2]);

/// Bytes of arrays of [`Outputs`].
struct Side {
    observations: Aligned,
    rewards: Aligned,
    terminations: Aligned,
    truncations: Aligned,
    final_mask: Aligned,
    episode_returns: Aligned,
    episode_lengths: Aligned,
    actions: Aligned,
}

impl Stage {
    /// For blocks of up to `rows`, with so many bytes of actions in each; an error where memory cannot be had.
    pub(super) fn new<E: Environment>(env: &E, rows: usize, action_bytes: usize) -> Result<Self> {
        let agents = env.spec().agents.len();
        let side = || -> Result<Side> {
            Ok(Side {
                observations: Aligned::new(rows * agents * env.spec().observation_len() * size_of::<E::Obs>())?,
                rewards: Aligned::new(rows * agents * size_of::<E::Reward>())?,
                terminations: Aligned::new(rows)?,
                truncations: Aligned::new(rows)?,
                final_mask: Aligned::new(rows)?,
                episode_returns: Aligned::new(rows * agents * size_of::<f64>())?,
                episode_lengths: Aligned::new(rows * size_of::<i64>())?,
                actions: Aligned::new(rows * action_bytes)?,
            })
        };
        Ok(Stage([side()?, side()?]))
    }

    /// Has `play` write here what goes to each of `outs`, the results of a block step by step. Last observations, which only
    /// the ends of episodes write, go to their places directly.
    pub(super) fn roll<'a, E: Environment>(
        &mut self,
        level: Level,
        outs: impl Iterator<Item = Outputs<'a, E>>,
        mut play: impl FnMut(&mut Outputs<'_, E>, Meanwhile<'_>),
    ) {
        let [mut now, mut before] = self.0.each_mut();
        let mut earlier = None;
        for mut out in outs {
            let mut leaving = Leaving::new(level, before, earlier.as_mut());
            play(&mut now.outputs(&mut out), Some(&mut |rows| leaving.go_on(rows)));
            leaving.go_on(usize::MAX);
            earlier = Some(out);
            std::mem::swap(&mut now, &mut before);
        }
        Leaving::new(level, before, earlier.as_mut()).go_on(usize::MAX);
        stream::fence();
    }
}

impl Side {
    fn outputs<'s, E: Environment>(&'s mut self, out: &'s mut Outputs<'_, E>) -> Outputs<'s, E> {
        fn first<T: Pod>(from: &mut Aligned, count: usize) -> &mut [T] {
            cut(&mut from.get_mut(), count)
        }
        Outputs {
            observations: first(&mut self.observations, out.observations.len()),
            rewards: first(&mut self.rewards, out.rewards.len()),
            terminations: first(&mut self.terminations, out.terminations.len()),
            truncations: first(&mut self.truncations, out.truncations.len()),
            final_observations: &mut *out.final_observations,
            final_mask: first(&mut self.final_mask, out.final_mask.len()),
            episode_returns: first(&mut self.episode_returns, out.episode_returns.len()),
            episode_lengths: first(&mut self.episode_lengths, out.episode_lengths.len()),
            actions: if self.actions.get::<u8>().is_empty() {
                &mut *out.actions
            } else {
                first(&mut self.actions, out.actions.len())
            },
            infos: Infos::none(),
        }
    }
}

/// Copies under way.
struct Leaving<'a> {
    level: Level,
    /// From where and to where, with the bytes of a row; what is left of it. Those that are wanted come first.
    arrays: [(&'a [u8], &'a mut [u8], usize); 8],
    wanted: usize,
}

impl<'a> Leaving<'a> {
    /// From `side` to `out`, if there is one.
    fn new<E: Environment>(level: Level, side: &'a Side, out: Option<&'a mut Outputs<'_, E>>) -> Self {
        let mut leaving = Leaving { level, arrays: Default::default(), wanted: 0 };
        let Some(out) = out else { return leaving };
        let rows = out.terminations.len().max(1);
        let arrays: [(&[u8], &mut [u8]); 8] = [
            (side.observations.get(), bytemuck::cast_slice_mut(out.observations)),
            (side.rewards.get(), bytemuck::cast_slice_mut(out.rewards)),
            (side.terminations.get(), &mut *out.terminations),
            (side.truncations.get(), &mut *out.truncations),
            (side.final_mask.get(), &mut *out.final_mask),
            (side.episode_returns.get(), bytemuck::cast_slice_mut(out.episode_returns)),
            (side.episode_lengths.get(), bytemuck::cast_slice_mut(out.episode_lengths)),
            (side.actions.get(), &mut *out.actions),
        ];
        for (from, to) in arrays {
            let from = from.get(..to.len()).unwrap_or_default();
            if let (Some(place), false) = (leaving.arrays.get_mut(leaving.wanted), from.is_empty()) {
                *place = (from, to, from.len() / rows);
                leaving.wanted += 1;
            }
        }
        leaving
    }

    /// Copies `rows` more, or as many as there are.
    fn go_on(&mut self, rows: usize) {
        for (from, to, row) in self.arrays.iter_mut().take(self.wanted) {
            let bytes = row.saturating_mul(rows).min(from.len());
            let (now, later) = from.split_at(bytes);
            stream::copy(self.level, now, cut(to, bytes));
            *from = later;
        }
    }
}
