//! An environment of the engine, made of the rules of a [`Control`].
#![allow(clippy::needless_range_loop)] // in lanes, iterators would not all be inlined

use super::control::{Choice, Control, State, MOST_AHEAD, MOST_STATE};
use super::describe::{describe, read_options, Options};
use crate::engine::actions::Actions;
use crate::engine::columns::{try_vec, Columns, Dtype, Element};
use crate::engine::draws;
use crate::engine::environment::{Environment, Turn};
use crate::engine::error::{Error, Result, Status};
use crate::engine::rng::Pcg64;
use crate::engine::spec::Spec;
use crate::simd::{self, Kernel, Lanes, Lanes32, Level, Mask, Real, Scalar, Simd, MOST_COLUMNS};
use serde_json::Value;
use std::ops::Range;

/// The rules `G` in working precision `R`.
pub struct Classic<G, R> {
    game: G,
    spec: Spec,
    precision: std::marker::PhantomData<R>,
}

impl<G: Control, R: Real + Element> Classic<G, R> {
    /// The environment under `options`.
    pub fn new(options: Options<G>) -> Self {
        let spec = describe::<G>(&options, R::DTYPE);
        Classic { game: options.game, spec, precision: std::marker::PhantomData }
    }
}

impl<G: Control, R: Real + Element> Environment for Classic<G, R> {
    type Obs = f32;
    type Reward = R;
    /// One.
    type Scratch = Vec<Tile<R>>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn scratch(&self, _rows: usize) -> Result<Vec<Tile<R>>> {
        try_vec(1, Tile::ZERO)
    }

    fn clips_actions(&self) -> bool {
        matches!(G::ACTION, Choice::Box { .. })
    }

    fn nanoseconds_per_step(&self) -> usize {
        G::NANOSECONDS
    }

    fn columns_behind(&self) -> usize {
        usize::from(G::SEEN_AHEAD.is_some())
    }

    fn forget(&self, state: &mut Columns) {
        if G::SEEN_AHEAD.is_some() {
            state.get_mut::<R>(G::COLUMNS.len()).fill(R::NAN);
        }
    }

    fn check_options(&self, options: &Value) -> Result<()> {
        read_options::<G, R>(options).map(|_| ())
    }

    fn reset(&self, state: &mut Columns, row: usize, rng: &mut Pcg64, _seeded: bool, options: &Value) {
        let options = read_options::<G, R>(options).unwrap_or(G::OPTIONS.map(|(_, default)| default));
        let mut drawn = [0.0; MOST_STATE];
        drawn[..G::DRAWS].fill_with(|| rng.next_f64());
        self.write_start(&mut state.first_mut(), row, drawn, options);
    }

    fn reset_rows(&self, level: Level, state: &mut Columns, rows: &[u32], rngs: &mut [Pcg64]) {
        match G::DRAWS {
            1 => self.restart::<1>(level, state, rows, rngs),
            2 => self.restart::<2>(level, state, rows, rngs),
            _ => self.restart::<MOST_STATE>(level, state, rows, rngs),
        }
    }

    const ONE_PASS: bool = true;
    const READS_BYTES: bool = true;

    #[inline(always)]
    fn step(&self, turn: Turn<'_, '_, Self>) {
        let level = turn.level;
        match turn.rows {
            1 => simd::run_one(level, Step::<G, R, true> { env: self, turn }),
            _ => simd::run(level, Step::<G, R, false> { env: self, turn }),
        }
    }

    fn observe(&self, level: Level, state: &Columns, clock: &[u32], rows: Range<usize>, out: &mut [f32]) {
        simd::run(level, Observe { env: self, state, clock, rows, out });
    }

    fn observe_rows(&self, state: &Columns, clock: &[u32], rows: &[u32], out: &mut [f32]) {
        let columns = state.first::<R, MOST_STATE>();
        for &row in rows {
            let row = row as usize;
            let out = &mut out[row * G::SEEN..(row + 1) * G::SEEN];
            self.observe_one(&columns, row, out);
            self.retouch(&columns, clock, row, out);
        }
    }

    fn check_column(&self, _name: &str, value: f64) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        Err(Error::new(Status::InvalidState, format!("expected a finite number, got {value:?}")))
    }
}

impl<G: Control, R: Real + Element> Classic<G, R> {
    fn restart<const N: usize>(&self, level: Level, state: &mut Columns, rows: &[u32], rngs: &mut [Pcg64]) {
        let options = G::OPTIONS.map(|(_, default)| default);
        let mut columns = state.first_mut();
        draws::doubles::<N>(level, rngs, rows, |row, few| {
            let drawn = std::array::from_fn(|k| few.get(k).copied().unwrap_or_default());
            self.write_start(&mut columns, row, drawn, options);
        });
    }

    #[inline(always)]
    fn write_start(&self, columns: &mut [&mut [R]; MOST_STATE], row: usize, drawn: State<f64>, options: [f64; 2]) {
        let start = self.game.start(drawn, options);
        for k in 0..G::COLUMNS.len() {
            columns[k][row] = R::from_f64(start[k]);
        }
        if G::SEEN_AHEAD.is_some() {
            columns[G::COLUMNS.len()][row] = R::NAN;
        }
    }

    #[inline(always)]
    fn observe_one(&self, columns: &[&[R]; MOST_STATE], row: usize, out: &mut [f32]) {
        let mut state = [R::Lanes::<Scalar>::splat(Scalar, R::ZERO); MOST_STATE];
        for k in 0..G::COLUMNS.len() {
            state[k] = R::Lanes::<Scalar>::splat(Scalar, columns[k][row]);
        }
        let seen = self.game.observe::<Scalar, R>(Scalar, &state);
        for (to, seen) in out.iter_mut().zip(seen) {
            R::narrow(Scalar, [seen; 2]).store(std::slice::from_mut(to));
        }
    }

    /// The first observation of an episode, where that is another.
    #[inline(always)]
    fn retouch(&self, columns: &[&[R]; MOST_STATE], clock: &[u32], row: usize, out: &mut [f32]) {
        if G::SEES_FIRST && clock[row] == 0 {
            self.game.see_first(columns.map(|column| column.get(row).map_or(0.0, |x| x.to_f64())), out);
        }
    }
}

/// `ONE`: of a single row, which leaves no loops.
struct Step<'s, 'a, 'b, G: Control, R: Real + Element, const ONE: bool> {
    env: &'s Classic<G, R>,
    turn: Turn<'a, 'b, Classic<G, R>>,
}

/// Actions in working precision: integers and floats alike, by loops that the compiler turns into lanes.
#[inline(always)]
fn read_actions<R: Real>(actions: Actions<'_>, to: &mut [R]) {
    match actions {
        Actions::F32(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = R::from_f32(*x)),
        Actions::F64(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = R::from_f64(*x)),
        Actions::U8(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = R::from_i32(i32::from(*x))),
        Actions::I32(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = R::from_i32(*x)),
        Actions::I64(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = R::from_i32(*x as i32)),
    }
}

/// Rows that go through all parts of a step before the next: what one part writes, the next finds in the first cache.
const TILE: usize = 256;

/// What one part of a step leaves to the next.
#[derive(Clone)]
#[repr(align(64))]
pub struct Tile<R> {
    /// Actions in working precision.
    played: [R; TILE],
    ahead: [[R; TILE]; MOST_AHEAD],
}

impl<R: Real> Tile<R> {
    const ZERO: Self = Tile { played: [R::ZERO; TILE], ahead: [[R::ZERO; TILE]; MOST_AHEAD] };
}

impl<G: Control, R: Real + Element, const ONE: bool> Kernel for Step<'_, '_, '_, G, R, ONE> {
    type Output = ();

    /// Loops that are short, for a CPU looks ahead about as far as one of their passes: the longer a pass, the less of the
    /// next can fill the time in which a division or a polynomial waits for itself.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // A copy: the compiler knows that no array holds it.
        let game = self.env.game.clone();
        let Turn { rows, state, scratch, actions, mut tally, observations, mut meanwhile, .. } = self.turn;
        let Some(Tile { played, ahead }) = scratch.first_mut() else { return };
        let mut columns = state.first_mut::<R, MOST_STATE>();
        let single = actions.dtype() == Dtype::Float32;
        let rows = if ONE { 1 } else { rows };
        for first in (0..rows).step_by(TILE) {
            let tile = first..(first + TILE).min(rows);
            // Four times in a tile: what goes to memory in large heaps is waited for.
            let mut tell = || {
                if let Some(told) = &mut meanwhile {
                    told(TILE / 4);
                }
            };
            read_actions(actions.slice(tile.clone()), played);
            let mut columns = columns.each_mut().map(|column| column.get_mut(tile.clone()).unwrap_or_default());
            // What is seen has a column of its own behind those of the state.
            let seen_ahead = match G::SEEN_AHEAD {
                Some(_) => std::mem::take(&mut columns[G::COLUMNS.len()]),
                None => &mut [],
            };
            let mut narrow = G::NARROWS && R::PARTS == 2 && single;
            if G::NARROWS {
                simd::for_registers!(tile.len(), R::Lanes::<S>::WIDTH, |range| {
                    let state = load_state::<S, G, R>(s, &columns, range.clone());
                    narrow &= R::Lanes::<S>::all(game.is_narrow::<S, R>(s, &state));
                    game.angle::<S, R>(s, &state).store(&mut ahead[0][range]);
                });
            }
            simd::for_registers!(if G::AHEAD == 0 { 0 } else { tile.len() }, R::Lanes::<S>::WIDTH, |range| {
                let seen = match G::SEEN_AHEAD {
                    Some(_) => R::Lanes::<S>::load_or(s, &seen_ahead[range.clone()], R::ZERO),
                    None => R::Lanes::<S>::splat(s, R::NAN),
                };
                if !R::Lanes::<S>::all(seen.eq(seen)) {
                    let angle = match G::NARROWS {
                        true => R::Lanes::<S>::load_or(s, &ahead[0][range.clone()], R::ZERO),
                        false => game.angle::<S, R>(s, &load_state::<S, G, R>(s, &columns, range.clone())),
                    };
                    let found = game.ahead::<S, R>(s, angle);
                    if G::SEEN_AHEAD.is_some() {
                        found[0].store(&mut seen_ahead[range.clone()]);
                    } else {
                        for k in 0..G::AHEAD {
                            found[k].store(&mut ahead[k][range.clone()]);
                        }
                    }
                }
            });
            tell();
            let first_ahead = if G::SEEN_AHEAD.is_some() { &*seen_ahead } else { &ahead[0] };
            let plan = Plan { game: &game, actions: &*played, ahead: [first_ahead, &ahead[1]], single };
            let (rewards, terminated) = (&mut tally.rewards[tile.clone()], &mut tally.terminated[tile.clone()]);
            if narrow {
                plan.step_narrow(s, &mut columns, rewards, terminated);
            } else {
                plan.step(s, &mut columns, rewards, terminated);
            }
            tell();
            let out = &mut observations[tile.start * G::SEEN..tile.end * G::SEEN];
            observe(s, &game, &columns, out, seen_ahead);
            tell();
            tally.count(tile);
            tell();
        }
    }
}

/// What is to happen to the rows of a tile.
struct Plan<'a, G, R> {
    game: &'a G,
    actions: &'a [R],
    ahead: [&'a [R]; MOST_AHEAD],
    single: bool,
}

impl<G: Control, R: Real> Plan<'_, G, R> {
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, columns: &mut [&mut [R]; MOST_STATE], rewards: &mut [R], terminated: &mut [u8]) {
        simd::for_registers!(rewards.len(), R::Lanes::<S>::WIDTH, |range| {
            let state = load_state::<S, G, R>(s, columns, range.clone());
            let mut ahead = [R::Lanes::<S>::splat(s, R::ZERO); MOST_AHEAD];
            for k in 0..G::AHEAD {
                ahead[k] = R::Lanes::<S>::load_or(s, &self.ahead[k][range.clone()], R::ZERO);
            }
            let action = R::Lanes::<S>::load_or(s, &self.actions[range.clone()], R::ZERO);
            if !self.game.is_usual::<S, R>(s, action) {
                ahead = self.game.beyond::<S, R>(s, ahead, action);
            }
            let moved = self.game.step::<S, R>(s, state, ahead, action, self.single);
            for k in 0..G::COLUMNS.len() {
                moved.state[k].store(&mut columns[k][range.clone()]);
            }
            self.game.charged::<S, R>(s, moved.reward, action).store(&mut rewards[range.clone()]);
            moved.terminated.store_flags(&mut terminated[range]);
        });
    }

    /// The same in 32-bit lanes, twice as many, where those of 64 bits would only be rounded.
    #[inline(always)]
    fn step_narrow<S: Simd>(
        &self,
        s: S,
        columns: &mut [&mut [R]; MOST_STATE],
        rewards: &mut [R],
        terminated: &mut [u8],
    ) {
        simd::for_registers!(rewards.len(), S::F32::WIDTH, |range| {
            let middle = (range.start + R::Lanes::<S>::WIDTH).min(range.end);
            let halves = [range.start..middle, middle..range.end];
            let mut state = [S::F32::splat(s, 0.0); MOST_STATE];
            for k in 0..G::COLUMNS.len() {
                state[k] = R::narrow(s, load_halves(s, columns[k], &halves));
            }
            let actions = load_halves::<S, R>(s, self.actions, &halves);
            let mut found = [[R::Lanes::<S>::splat(s, R::ZERO); MOST_AHEAD]; 2];
            let mut ahead = [S::F32::splat(s, 0.0); MOST_AHEAD];
            for k in 0..G::AHEAD {
                let here = load_halves::<S, R>(s, self.ahead[k], &halves);
                (found[0][k], found[1][k]) = (here[0], here[1]);
                ahead[k] = R::narrow(s, here);
            }
            if !(self.game.is_usual::<S, R>(s, actions[0]) && self.game.is_usual::<S, R>(s, actions[1])) {
                for half in 0..2 {
                    found[half] = self.game.beyond::<S, R>(s, found[half], actions[half]);
                }
                for k in 0..MOST_AHEAD {
                    ahead[k] = R::narrow(s, [found[0][k], found[1][k]]);
                }
            }
            let moved = self.game.step::<S, f32>(s, state, ahead, R::narrow(s, actions), true);
            let reward = R::part(s, moved.reward);
            for half in 0..2 {
                let range = halves[half].clone();
                for k in 0..G::COLUMNS.len() {
                    R::part(s, moved.state[k])[half].store(&mut columns[k][range.clone()]);
                }
                self.game.charged::<S, R>(s, reward[half], actions[half]).store(&mut rewards[range]);
            }
            moved.terminated.store_flags(&mut terminated[range]);
        });
    }
}

#[inline(always)]
fn load_halves<S: Simd, R: Real>(s: S, from: &[R], [low, high]: &[Range<usize>; 2]) -> [R::Lanes<S>; 2] {
    [R::Lanes::<S>::load_or(s, &from[low.clone()], R::ZERO), R::Lanes::<S>::load_or(s, &from[high.clone()], R::ZERO)]
}

#[inline(always)]
fn load_state<S: Simd, G: Control, R: Real>(
    s: S,
    columns: &[impl std::ops::Deref<Target = [R]>; MOST_STATE],
    rows: Range<usize>,
) -> State<R::Lanes<S>> {
    let mut state = [R::Lanes::<S>::splat(s, R::ZERO); MOST_STATE];
    for k in 0..G::COLUMNS.len() {
        state[k] = R::Lanes::<S>::load_or(s, &columns[k][rows.clone()], R::ZERO);
    }
    state
}

/// Writes what is seen of the rows of some columns, and to `ahead`, if it has room, what the next step needs of it.
#[inline(always)]
fn observe<S: Simd, G: Control, R: Real>(
    s: S,
    game: &G,
    columns: &[impl std::ops::Deref<Target = [R]>; MOST_STATE],
    out: &mut [f32],
    ahead: &mut [R],
) {
    let rows = out.len() / G::SEEN;
    simd::for_registers!(rows, S::F32::WIDTH, |range| {
        let mut parts = [[R::Lanes::<S>::splat(s, R::ZERO); MOST_COLUMNS]; 2];
        for part in 0..R::PARTS {
            let start = range.start + part * R::Lanes::<S>::WIDTH;
            let rows = start.min(range.end)..(start + R::Lanes::<S>::WIDTH).min(range.end);
            parts[part] = game.observe::<S, R>(s, &load_state::<S, G, R>(s, columns, rows.clone()));
            if let (Some(k), Some(ahead)) = (G::SEEN_AHEAD, ahead.get_mut(rows)) {
                parts[part][k].store(ahead);
            }
        }
        let mut seen = [S::F32::splat(s, 0.0); MOST_COLUMNS];
        for k in 0..G::SEEN {
            seen[k] = R::narrow(s, [parts[0][k], parts[1][k]]);
        }
        let to = &mut out[range.start * G::SEEN..range.end * G::SEEN];
        match G::SEEN {
            2 => S::F32::store_rows::<2>(&seen, to),
            3 => S::F32::store_rows::<3>(&seen, to),
            4 => S::F32::store_rows::<4>(&seen, to),
            _ => S::F32::store_rows::<6>(&seen, to),
        }
    });
}

struct Observe<'a, G, R> {
    env: &'a Classic<G, R>,
    state: &'a Columns,
    clock: &'a [u32],
    rows: Range<usize>,
    out: &'a mut [f32],
}

impl<G: Control, R: Real + Element> Kernel for Observe<'_, G, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let columns = self.state.first::<R, MOST_STATE>();
        let rows = self.rows.clone();
        observe(
            s,
            &self.env.game,
            &columns.map(|column| column.get(rows.clone()).unwrap_or_default()),
            self.out,
            &mut [],
        );
        if G::SEES_FIRST {
            for (row, out) in self.rows.zip(self.out.chunks_exact_mut(G::SEEN)) {
                self.env.retouch(&columns, self.clock, row, out);
            }
        }
    }
}
