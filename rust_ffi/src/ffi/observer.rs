//! The observers of the market, without an environment.

use super::handle::{handle, Handle, SharedBuffer};
use super::{boundary, boundary_or, check_pointer, dtype, marl_error, slice, slice_mut, text, write_out};
use crate::engine::columns::{check_room, Dtype, Element};
use crate::engine::error::{Error, Result, Status};
use crate::envs::market::observers::{Observer, Scales, Templates};
use crate::simd::Real;
use std::ffi::{c_char, c_void};

/// An observer bound to a market: what one agent, or all, see at any hour.
///
/// It owns the buffer that observations are written to. A handle takes one call at a time.
pub struct marl_observer {
    handle: Handle<Bound>,
    /// Address of the buffer, which never moves.
    data: *mut c_void,
    len: usize,
}

enum Bound {
    F32(Typed<f32>),
    F64(Typed<f64>),
}

struct Typed<R: Real + Element> {
    templates: Templates<R>,
    demand: Vec<R>,
    out: SharedBuffer<R>,
}

impl<R: Real + Element> Typed<R> {
    fn new(observer: Observer, demand: &[f64], capacities: &[f64], costs: &[f64], seats: &[usize]) -> Result<Self> {
        let round = |x: &[f64]| x.iter().map(|x| R::from_f64(*x)).collect::<Vec<R>>();
        let (demand, capacities, costs) = (round(demand), round(capacities), round(costs));
        let n = capacities.len();
        let width = observer.len(n);
        let scales = Scales::of(&demand, &capacities, &costs);
        let templates = Templates::new(observer, scales, &capacities, &costs, n, seats, width);
        Ok(Typed { templates, demand, out: SharedBuffer::new(seats.len() * width)? })
    }

    #[inline(always)]
    fn observe(&mut self, t: i64) -> Result<()> {
        let hours = self.demand.len();
        match usize::try_from(t) {
            Ok(hour) if hour <= hours => {
                self.templates.write(self.demand[hour.min(hours - 1)], hour, self.out.get_mut());
                Ok(())
            }
            _ => Err(Error::new(Status::InvalidArgument, format!("t: expected an hour from 0 to {hours}, got {t}"))),
        }
    }
}

/// Makes an observer of a market.
///
/// Parameters: `name` is "basic", "simple", "simple_v2" or "simple_v3". `demand_profile` holds `num_hours`
/// demands (MW, finite); `capacities` (MW) and `costs` (currency/MWh) hold `num_generators` finite numbers each.
/// Features are divided by the largest demand, capacity and cost, or by 1 where that is not positive.
/// `agent_index` is the agent that looks, or -1 for all. `dtype` is `MARL_DTYPE_FLOAT32` or
/// `MARL_DTYPE_FLOAT64`. `out` receives the handle, to be freed with `marl_observer_free`.
///
/// Errors: `MARL_STATUS_UNKNOWN_ID`, `MARL_STATUS_EMPTY`, `MARL_STATUS_INVALID_ARGUMENT`,
/// `MARL_STATUS_DTYPE_MISMATCH`, `MARL_STATUS_OUT_OF_MEMORY`, `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `name` is NULL or NUL-terminated; arrays are valid for reads of their lengths; `out` and `err` are NULL or
///   valid for writes.
#[no_mangle]
pub unsafe extern "C" fn marl_observer_new(
    name: *const c_char,
    demand_profile: *const f64,
    num_hours: usize,
    capacities: *const f64,
    costs: *const f64,
    num_generators: usize,
    agent_index: i64,
    dtype_code: i32,
    out: *mut *mut marl_observer,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (name, demand, capacities, costs) = unsafe {
            (
                text("name", name, None)?,
                slice("demand_profile", demand_profile, num_hours)?,
                slice("capacities", capacities, num_generators)?,
                slice("costs", costs, num_generators)?,
            )
        };
        let observer = Observer::named(name)?;
        for (what, x) in [("demand_profile", demand), ("capacities", capacities), ("costs", costs)] {
            if x.is_empty() {
                return Err(Error::new(Status::Empty, format!("{what}: expected at least one number, got none")));
            }
            if let Some(k) = x.iter().position(|x| !x.is_finite()) {
                let message = format!("{what}[{k}]: expected a finite number, got {:?}", x[k]);
                return Err(Error::new(Status::InvalidArgument, message));
            }
        }
        let seats: Vec<usize> = match usize::try_from(agent_index) {
            Ok(agent) if agent < num_generators => vec![agent],
            _ if agent_index == -1 => (0..num_generators).collect(),
            _ => {
                let most = num_generators - 1;
                let message = format!("agent_index: expected 0 to {most}, or -1 for all, got {agent_index}");
                return Err(Error::new(Status::InvalidArgument, message));
            }
        };
        check_pointer("out", out, 1)?;
        check_room(seats.len().saturating_mul(observer.len(num_generators)), 2 * size_of::<f64>())?;
        let (bound, data) = match dtype(dtype_code)? {
            Dtype::Float32 => {
                let typed = Typed::<f32>::new(observer, demand, capacities, costs, &seats)?;
                let data = typed.out.pointer().cast();
                (Bound::F32(typed), data)
            }
            Dtype::Float64 => {
                let typed = Typed::<f64>::new(observer, demand, capacities, costs, &seats)?;
                let data = typed.out.pointer().cast();
                (Bound::F64(typed), data)
            }
            other => {
                let message = format!("dtype: expected float32 or float64, got {}", other.name());
                return Err(Error::new(Status::DtypeMismatch, message));
            }
        };
        let len = seats.len() * observer.len(num_generators);
        let made = Box::new(marl_observer { handle: Handle::new(bound), data, len });
        // SAFETY: by this function's contract.
        unsafe { write_out("out", out, Box::into_raw(made)) }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Frees an observer and its buffer. NULL is fine.
///
/// # Safety
/// * `observer` is NULL or came from `marl_observer_new` and was not freed.
#[no_mangle]
pub unsafe extern "C" fn marl_observer_free(observer: *mut marl_observer) {
    let body = || {
        if !observer.is_null() {
            // SAFETY: made by `Box::into_raw` in `marl_observer_new`, and not freed before.
            drop(unsafe { Box::from_raw(observer) });
        }
        Ok(())
    };
    // SAFETY: no error place is given.
    unsafe { boundary(std::ptr::null_mut(), body) };
}

/// The buffer of observations, `(dim,)` or `(num_generators, dim)` in the observer's type, 64-byte aligned. It
/// belongs to the observer and lives as long. NULL for NULL.
///
/// # Safety
/// * `observer` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn marl_observer_data(observer: *const marl_observer) -> *mut c_void {
    // SAFETY: by this function's contract.
    let body = || Ok(unsafe { handle("observer", observer)? }.data);
    // SAFETY: no error place is given.
    unsafe { boundary_or(std::ptr::null_mut(), std::ptr::null_mut(), body) }
}

/// Elements of the buffer of observations; 0 for NULL.
///
/// # Safety
/// * `observer` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn marl_observer_len(observer: *const marl_observer) -> usize {
    // SAFETY: by this function's contract.
    let body = || Ok(unsafe { handle("observer", observer)? }.len);
    // SAFETY: no error place is given.
    unsafe { boundary_or(0, std::ptr::null_mut(), body) }
}

/// Writes the observations of hour `t`, 0 to `num_hours`, to the observer's buffer. At `num_hours`, the end of
/// the episode, demand is that of the last hour and the clock goes on.
///
/// Errors: `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_NULL_POINTER`, `MARL_STATUS_BUSY`.
///
/// # Safety
/// * `observer` is NULL or a live handle whose buffer nobody touches during the call; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_observer_observe(observer: *mut marl_observer, t: i64, err: *mut marl_error) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let mut guard = unsafe { handle("observer", observer)? }.handle.enter()?;
        match guard.get() {
            Bound::F32(typed) => typed.observe(t),
            Bound::F64(typed) => typed.observe(t),
        }
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}

/// Writes one agent's observation from numbers at hand: demand, capacity and cost, each divided by its scale, and
/// the clock of hour `t`. "basic" needs the whole market and is refused.
///
/// Parameters: `name` is "simple" (4 features), "simple_v2" (5) or "simple_v3" (7). Scales are finite and above
/// 0, the other numbers finite, `t` at least 0. `out` receives `len` features.
///
/// Errors: `MARL_STATUS_DEMAND_NOT_FINITE`, `MARL_STATUS_QUANTITY_NOT_FINITE` (the capacity),
/// `MARL_STATUS_COST_NOT_FINITE`, `MARL_STATUS_PARAMETER_INVALID` (a scale), `MARL_STATUS_UNKNOWN_ID`,
/// `MARL_STATUS_INVALID_ARGUMENT`, `MARL_STATUS_LENGTH_MISMATCH`, `MARL_STATUS_NULL_POINTER`. Safe from any thread.
///
/// # Safety
/// * `name` is NULL or NUL-terminated; `out` is valid for writes of `len` elements; `err` is NULL or valid for
///   writes.
#[no_mangle]
pub unsafe extern "C" fn marl_market_observe(
    name: *const c_char,
    demand: f64,
    capacity: f64,
    cost: f64,
    t: i64,
    demand_scale: f64,
    capacity_scale: f64,
    cost_scale: f64,
    out: *mut f64,
    len: usize,
    err: *mut marl_error,
) -> Status {
    let body = || {
        // SAFETY: by this function's contract.
        let (name, out) = unsafe { (text("name", name, None)?, slice_mut("out", out, len)?) };
        let observer = Observer::named(name)?;
        if observer == Observer::Basic {
            let message = "observer: \"basic\" sees the whole market; use marl_observer_new";
            return Err(Error::new(Status::InvalidArgument, message));
        }
        Error::check_length("out", out.len(), observer.len(1))?;
        let numbers = [
            ("demand_t", demand, Status::DemandNotFinite),
            ("capacity_i", capacity, Status::QuantityNotFinite),
            ("cost_i", cost, Status::CostNotFinite),
        ];
        for (what, x, status) in numbers {
            if !x.is_finite() {
                return Err(Error::new(status, format!("{what}: expected a finite number, got {x:?}")));
            }
        }
        for (what, x) in
            [("demand_scale", demand_scale), ("capacity_scale", capacity_scale), ("cost_scale", cost_scale)]
        {
            if !(x.is_finite() && x > 0.0) {
                let message = format!("{what}: expected a finite number above 0, got {x:?}");
                return Err(Error::new(Status::ParameterInvalid, message));
            }
        }
        let hour = usize::try_from(t)
            .map_err(|_| Error::new(Status::InvalidArgument, format!("t: expected an hour of at least 0, got {t}")))?;
        observer.write_alone(demand / demand_scale, capacity / capacity_scale, cost / cost_scale, hour, out);
        Ok(())
    };
    // SAFETY: by this function's contract.
    unsafe { boundary(err, body) }
}
