//! Random numbers for plug-ins, from the generators of the environments they are called for.

use super::boundary_or;
use crate::engine::rng::Pcg64;

/// The generators of the environments of a call, for the functions of `marl_plugin_draws`. Valid during the call.
pub struct marl_rng {
    pub(super) rngs: *mut Pcg64,
    pub(super) count: usize,
    /// The first environment that was asked for and is not there.
    pub(super) stray: Option<usize>,
}

/// Functions that draw random numbers for environment `env` of a range, 0 to `count - 1`.
///
/// Each environment has a generator of its own, PCG64, that of NumPy's `default_rng(seed)`: the same calls give the
/// same numbers as there. It is the only randomness that a plug-in may use; then runs can be repeated, saved, and cut
/// among threads. For an environment that is not in the range, or with a NULL `rng`, doubles are NaN and integers 0,
/// and the call of the plug-in counts as failed.
#[repr(C)]
pub struct marl_plugin_draws {
    /// `sizeof(marl_plugin_draws)`.
    pub size: usize,
    /// The next 64 random bits.
    pub next_u64: Option<unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> u64>,
    /// A double in [0, 1): `Generator.random()`.
    pub next_double: Option<unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> f64>,
    /// A double in [low, high): `Generator.uniform(low, high)`.
    pub uniform: Option<unsafe extern "C" fn(rng: *mut marl_rng, env: usize, low: f64, high: f64) -> f64>,
    /// An integer in [0, n): `Generator.integers(n)`. Of 1 and of 0, 0, without a draw.
    pub below: Option<unsafe extern "C" fn(rng: *mut marl_rng, env: usize, n: u64) -> u64>,
    /// A standard normal: `Generator.standard_normal()`.
    pub standard_normal: Option<unsafe extern "C" fn(rng: *mut marl_rng, env: usize) -> f64>,
}

/// The one table.
pub(super) static DRAWS: marl_plugin_draws = marl_plugin_draws {
    size: size_of::<marl_plugin_draws>(),
    next_u64: Some(next_u64),
    next_double: Some(next_double),
    uniform: Some(uniform),
    below: Some(below),
    standard_normal: Some(standard_normal),
};

/// Draws with the generator of `env`, or gives `otherwise`.
///
/// # Safety
/// * `rng` is NULL or what a plug-in was given, during that call and on its thread.
#[inline(always)]
unsafe fn draw<T: Copy>(rng: *mut marl_rng, env: usize, otherwise: T, with: impl FnOnce(&mut Pcg64) -> T) -> T {
    let body = || {
        // SAFETY: by this function's contract.
        let Some(rng) = (unsafe { rng.as_mut() }) else { return Ok(otherwise) };
        if env >= rng.count {
            rng.stray.get_or_insert(env);
            return Ok(otherwise);
        }
        // SAFETY: `rngs` has `count` generators, lent for the call.
        Ok(with(unsafe { &mut *rng.rngs.add(env) }))
    };
    // SAFETY: no error place is given.
    unsafe { boundary_or(otherwise, std::ptr::null_mut(), body) }
}

unsafe extern "C" fn next_u64(rng: *mut marl_rng, env: usize) -> u64 {
    // SAFETY: `rng` is what the plug-in was given.
    unsafe { draw(rng, env, 0, Pcg64::next_u64) }
}

unsafe extern "C" fn next_double(rng: *mut marl_rng, env: usize) -> f64 {
    // SAFETY: `rng` is what the plug-in was given.
    unsafe { draw(rng, env, f64::NAN, Pcg64::next_f64) }
}

unsafe extern "C" fn uniform(rng: *mut marl_rng, env: usize, low: f64, high: f64) -> f64 {
    // SAFETY: `rng` is what the plug-in was given.
    unsafe { draw(rng, env, f64::NAN, |rng| rng.uniform(low, high)) }
}

unsafe extern "C" fn below(rng: *mut marl_rng, env: usize, n: u64) -> u64 {
    // SAFETY: `rng` is what the plug-in was given.
    unsafe { draw(rng, env, 0, |rng| rng.below(n)) }
}

unsafe extern "C" fn standard_normal(rng: *mut marl_rng, env: usize) -> f64 {
    // SAFETY: `rng` is what the plug-in was given.
    unsafe { draw(rng, env, f64::NAN, Pcg64::standard_normal) }
}
