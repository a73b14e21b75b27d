//! Environments on any actions and any injected state: every instruction set and every number of threads gives the same
//! bytes, and what is refused changes nothing.

use crate::configs;
use crate::input::{Input, Numbers};
use crate::play::{fine_actions, spoil_actions};
use marl_ffi::engine::actions::Actions;
use marl_ffi::engine::columns::Dtype;
use marl_ffi::engine::vec_env::{info_offsets, AnyVecEnv, Autoreset, RawOutputs, ResetRequest, Setup};
use marl_ffi::simd::Level;
use marl_ffi::{envs, Error, Status};
use std::cell::RefCell;
use std::collections::HashMap;

/// The same batch on every instruction set, the last one also on three threads.
type Twins = Vec<Box<dyn AnyVecEnv>>;

thread_local! {
    static TWINS: RefCell<HashMap<(usize, usize, i32), Twins>> = RefCell::new(HashMap::new());
}

const SIZES: [usize; 6] = [1, 2, 5, 17, 33, 70];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let all = configs::all();
    let which = input.below(all.len());
    let (envs, mode) = (input.pick(&SIZES), input.below(3) as i32);
    TWINS.with(|twins| {
        let mut twins = twins.borrow_mut();
        let twins = twins.entry((which, envs, mode)).or_insert_with(|| make(all[which], envs, mode));
        play(twins, &mut input);
    });
}

fn make((id, config): (&str, &str), num_envs: usize, mode: i32) -> Twins {
    let autoreset = Autoreset::from_i32(mode).expect("a mode");
    let levels = Level::supported();
    let mut setups: Vec<_> =
        levels.into_iter().map(|level| Setup { num_envs, num_threads: 1, autoreset, level }).collect();
    setups.extend(setups.last().copied().map(|setup| Setup { num_threads: 3, ..setup }));
    setups.into_iter().map(|setup| envs::make_vec(id, config, setup).expect("a valid configuration")).collect()
}

/// What a call gave: an error, or all arrays one after the other.
type Outcome = Result<Vec<u8>, Error>;

fn same(outcomes: Vec<Outcome>, what: &str) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let first = outcomes.next().expect("there is one");
    for (k, other) in outcomes.enumerate() {
        if first != other {
            let at = match (&first, &other) {
                (Ok(a), Ok(b)) => a.iter().zip(b).position(|(a, b)| a != b),
                _ => None,
            };
            let word = |outcome: &Outcome| match (outcome, at) {
                (Ok(bytes), Some(at)) => format!("{:02x?}", &bytes[at / 8 * 8..at / 8 * 8 + 8]),
                (Ok(_), None) => "done".into(),
                (Err(error), _) => error.to_string(),
            };
            panic!("{what}: batch {}, byte {at:?}: {} but {}", k + 1, word(&first), word(&other));
        }
    }
    first
}

fn play(twins: &mut Twins, input: &mut Input) {
    let (spec, envs) = (twins[0].spec().clone(), twins[0].num_envs());
    let seen = envs * spec.agents.len() * spec.observation_len() * spec.observation_dtype.size();
    let mut numbers = Numbers(input.bits());
    let seeds: Vec<u64> = (0..envs).map(|_| numbers.bits()).collect();
    let reset = |env: &mut Box<dyn AnyVecEnv>| {
        let mut out = vec![0u64; seen.div_ceil(8)];
        let bytes = &mut bytemuck::cast_slice_mut(&mut out)[..seen];
        env.reset(ResetRequest { seeds: Some(&seeds), ..Default::default() }, bytes)?;
        Ok(bytes.to_vec())
    };
    same(twins.iter_mut().map(reset).collect(), "reset").expect("seeds are fine");
    let mut injected = false;
    for step in 0..1 + input.below(6) as u64 {
        if input.once_in(3) {
            injected = true;
            inject(twins, input);
        }
        let dtype = input.pick(&spec.action_dtypes);
        let mut actions = vec![0u64; (envs * spec.agents.len() * spec.action_len() * dtype.size()).div_ceil(8)];
        let bytes = envs * spec.agents.len() * spec.action_len() * dtype.size();
        let actions: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut actions)[..bytes];
        fine_actions(&spec, actions, dtype, step ^ input.below(8) as u64);
        if input.once_in(3) {
            spoil_actions(actions, dtype, input);
        }
        let actions = Actions::from_bytes(actions, dtype).expect("aligned");
        let before = input.once_in(8).then(|| twins[0].snapshot().expect("memory"));
        let outcome =
            same(twins.iter_mut().map(|env| step_once(&mut **env, actions)).collect(), &format!("step of {}", spec.id));
        if let Err(error) = outcome {
            let allowed = [Status::ActionInvalid, Status::EpisodeOver];
            assert!(allowed.contains(&error.status), "{error}");
            let after = twins[0].snapshot().expect("memory");
            assert!(before.is_none_or(|before| before == after), "a refused step changed something: {error}");
            if error.status == Status::EpisodeOver {
                same(twins.iter_mut().map(reset).collect(), "reset").expect("seeds are fine");
            }
        }
    }
    // A state with a NaN in it may have another one elsewhere.
    if input.once_in(4) && !injected {
        same(twins.iter_mut().map(|env| env.snapshot()).collect(), "snapshot").expect("memory");
    }
}

fn step_once(env: &mut dyn AnyVecEnv, actions: Actions<'_>) -> Outcome {
    let (spec, envs) = (env.spec().clone(), env.num_envs());
    let agents = envs * spec.agents.len();
    let seen = agents * spec.observation_len() * spec.observation_dtype.size();
    let sizes = [seen, agents * spec.reward_dtype.size(), envs, envs, seen, envs, info_offsets(&spec, envs).1];
    let mut rooms = sizes.map(|size| vec![0u64; size.div_ceil(8)]);
    let (mut episode_returns, mut episode_lengths) = (vec![0.0; agents], vec![0; envs]);
    let [a, b, c, d, e, f, g] = &mut rooms;
    let out = RawOutputs {
        observations: cut(a, sizes[0]),
        rewards: cut(b, sizes[1]),
        terminations: cut(c, sizes[2]),
        truncations: cut(d, sizes[3]),
        final_observations: cut(e, sizes[4]),
        final_mask: cut(f, sizes[5]),
        infos: cut(g, sizes[6]),
        episode_returns: &mut episode_returns,
        episode_lengths: &mut episode_lengths,
        actions: &mut [],
    };
    env.step(actions, out)?;
    plain_nan(cut(&mut rooms[0], sizes[0]), spec.observation_dtype);
    plain_nan(cut(&mut rooms[1], sizes[1]), spec.reward_dtype);
    plain_nan(cut(&mut rooms[4], sizes[4]), spec.observation_dtype);
    for (field, start) in spec.infos.iter().zip(info_offsets(&spec, envs).0) {
        plain_nan(&mut cut(&mut rooms[6], sizes[6])[start..start + field.row_bytes() * envs], field.dtype);
    }
    plain_nan(bytemuck::cast_slice_mut(&mut episode_returns), Dtype::Float64);
    let mut all: Vec<u8> = rooms.iter().flat_map(|room| bytemuck::cast_slice::<u64, u8>(room)).copied().collect();
    all.extend_from_slice(bytemuck::cast_slice(&episode_returns));
    all.extend_from_slice(bytemuck::cast_slice(&episode_lengths));
    Ok(all)
}

/// Makes all NaN one: which one comes out of an operation is up to compilers and processors.
fn plain_nan(bytes: &mut [u8], dtype: Dtype) {
    match dtype {
        Dtype::Float32 => {
            let numbers: &mut [f32] = bytemuck::cast_slice_mut(bytes);
            numbers.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = f32::NAN);
        }
        Dtype::Float64 => {
            let numbers: &mut [f64] = bytemuck::cast_slice_mut(bytes);
            numbers.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = f64::NAN);
        }
        _ => {}
    }
}

fn cut(words: &mut [u64], size: usize) -> &mut [u8] {
    &mut bytemuck::cast_slice_mut(words)[..size]
}

/// Puts numbers into a column, any numbers; what is refused leaves all as it was.
fn inject(twins: &mut Twins, input: &mut Input) {
    let (spec, envs) = (twins[0].spec().clone(), twins[0].num_envs());
    let column = &spec.columns[input.below(spec.columns.len())];
    let count = column.width() * envs;
    let mut bytes = Vec::with_capacity(count * column.dtype.size());
    let kind = input.below(5);
    let only = input.number();
    let mut numbers = Numbers(input.bits());
    for _ in 0..count {
        let x = match kind {
            0 => only,
            1 => numbers.below(3) as f64,
            2 => f64::from_bits(numbers.bits()),
            3 => f64::from(f32::from_bits(numbers.bits() as u32)),
            _ => numbers.unit() * 8.0 - 4.0,
        };
        match column.dtype.size() {
            1 => bytes.push(x as u8),
            4 if column.dtype.name() == "float32" => bytes.extend_from_slice(&(x as f32).to_ne_bytes()),
            4 => bytes.extend_from_slice(&(x as u32).to_ne_bytes()),
            _ => bytes.extend_from_slice(&x.to_ne_bytes()),
        }
    }
    let mask: Option<Vec<u8>> = input.once_in(2).then(|| (0..envs).map(|_| numbers.below(2) as u8).collect());
    let before = twins[0].snapshot().expect("memory");
    let set = |env: &mut Box<dyn AnyVecEnv>| env.set_column(&column.name, &bytes, mask.as_deref()).map(|()| Vec::new());
    if let Err(error) = same(twins.iter_mut().map(set).collect(), "set_column") {
        assert_eq!(error.status, Status::InvalidState, "{error}");
        assert!(before == twins[0].snapshot().expect("memory"), "a refused column changed something: {error}");
    }
}
