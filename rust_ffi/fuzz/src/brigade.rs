//! Bucket Brigade's episodes and the market's observers.

use crate::buffer::{Buffer, ErrorPlace};
use crate::input::Input;
use marl_ffi::ffi::brigade::marl_brigade_episodes;
use marl_ffi::ffi::observer::{
    marl_market_observe, marl_observer_data, marl_observer_free, marl_observer_len, marl_observer_new,
    marl_observer_observe,
};
use marl_ffi::Status;
use std::ffi::CString;
use std::ptr::null_mut;

const EPISODES: [Status; 6] = [
    Status::UnknownId,
    Status::UnknownKey,
    Status::InvalidConfig,
    Status::InvalidArgument,
    Status::LengthMismatch,
    Status::Empty,
];

const GAMES: [&str; 8] = [
    "",
    r#"{"scenario":"trivial_cooperation","max_nights":20}"#,
    r#"{"num_houses":2,"max_nights":5,"prob_house_catches_fire":1}"#,
    r#"{"num_houses":64,"max_nights":9,"extinguish_mode":"continuous","suppression_per_worker":0.3}"#,
    r#"{"num_houses":65,"max_nights":9,"phase_order":"spread_first","prob_fire_spreads_to_neighbor":1}"#,
    r#"{"num_houses":255,"max_nights":3,"commitment_mode":"two_phase","action_validity_mode":"adjacent_only"}"#,
    r#"{"termination":"no_fire","max_nights":12,"min_nights":4,"team_welfare_kind":"team_welfare_closed_form","team_welfare_lambda":1}"#,
    r#"{"max_nights":null}"#,
];

/// Plays one case of either.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 | 1 => episodes(&mut input),
        2 => observer(&mut input),
        _ => alone(&mut input),
    }
}

/// A call and what it gave.
struct Episodes<'a> {
    game: &'a CString,
    agents: usize,
    params: &'a [f64],
    profiles: usize,
    seeds: &'a [u64],
    num_seeds: usize,
    decisions: i32,
    threads: usize,
}

impl Episodes<'_> {
    fn call(&self, scores: &mut Buffer<f32>, nights: &mut Buffer<u32>, err: &mut ErrorPlace) -> Status {
        // SAFETY: all arrays have the lengths that are told; the text ends with NUL.
        unsafe {
            marl_brigade_episodes(
                self.game.as_ptr(),
                self.params.as_ptr(),
                self.params.len(),
                self.profiles,
                self.agents,
                self.seeds.as_ptr(),
                self.seeds.len(),
                self.num_seeds,
                self.decisions,
                self.threads,
                scores.pointer(),
                scores.len(),
                nights.pointer(),
                nights.len(),
                err.pointer(),
            )
        }
    }
}

fn episodes(input: &mut Input) {
    let game = CString::new(input.pick(&GAMES)).unwrap_or_default();
    let agents = if input.once_in(10) { input.below(300) } else { 1 + input.below(10) };
    let (profiles, num_seeds) = (input.below(4), input.below(5));
    let decisions = if input.once_in(10) { input.bits() as i32 } else { input.below(2) as i32 };
    let mut params: Vec<f64> = {
        let mut stream = crate::input::Numbers(input.bits());
        (0..profiles * agents * 10).map(|_| [0.0, 1.0, stream.unit()][stream.below(3)]).collect()
    };
    let spoilt = input.once_in(5) && !params.is_empty();
    if spoilt {
        let k = input.below(params.len());
        params[k] = input.number();
    }
    let shared = input.once_in(2);
    let seeds: Vec<u64> = (0..if shared { num_seeds } else { profiles * num_seeds }).map(|_| input.bits()).collect();
    let wrong = input.once_in(12);
    let (more_scores, more_nights) = (usize::from(wrong && input.once_in(2)), usize::from(wrong));
    let mut scores = Buffer::<f32>::new(profiles * num_seeds * agents + more_scores);
    let mut nights = Buffer::<u32>::new(profiles * num_seeds + more_nights);
    let mut err = ErrorPlace::new();
    let threads = input.pick(&[1, 1, 0, 2, 5]);
    let all = Episodes { game: &game, agents, params: &params, profiles, seeds: &seeds, num_seeds, decisions, threads };
    let status = all.call(&mut scores, &mut nights, &mut err);
    err.check("marl_brigade_episodes", status, &EPISODES);
    let fine = (1..=255).contains(&agents)
        && profiles > 0
        && num_seeds > 0
        && (0..2).contains(&decisions)
        && params.iter().all(|p| (0.0..=1.0).contains(p))
        && !wrong
        && game.as_bytes() != GAMES[7].as_bytes();
    assert_eq!(status == Status::Ok, fine, "{}", err.text());
    if status != Status::Ok {
        scores.assert_untouched("scores");
        nights.assert_untouched("nights");
        return;
    }
    scores.assert_guards("scores");
    nights.assert_guards("nights");
    assert!(nights.get().iter().all(|nights| (1..=100).contains(nights)));
    assert!(scores.get().iter().all(|score| score.is_finite()));
    // One episode, alone.
    let k = input.below(profiles * num_seeds);
    let own = &params[k / num_seeds * agents * 10..][..agents * 10];
    let seed = if shared { &seeds[k % num_seeds..][..1] } else { &seeds[k..][..1] };
    let one = Episodes { params: own, profiles: 1, seeds: seed, num_seeds: 1, threads: 1, ..all };
    let (mut score, mut night) = (Buffer::new(agents), Buffer::new(1));
    assert_eq!(one.call(&mut score, &mut night, &mut err), Status::Ok);
    assert_eq!(night.get()[0], nights.get()[k], "nights of episode {k} alone");
    assert_eq!(score.get(), &scores.get()[k * agents..][..agents], "scores of episode {k} alone");
}

fn name(input: &mut Input) -> CString {
    if input.once_in(10) {
        return input.text(12);
    }
    CString::new(input.pick(&["basic", "simple", "simple_v2", "simple_v3"])).unwrap_or_default()
}

fn observer(input: &mut Input) {
    let name = name(input);
    let (hours, n) = (input.size(60), input.size(300));
    let [demand, capacities, costs] = [hours, n, n].map(|count| input.numbers(count, false));
    let agent = input.below(n + 2) as i64 - 1;
    let dtype = input.below(2) as i32 + if input.once_in(20) { 2 } else { 0 };
    let mut made = null_mut();
    let mut err = ErrorPlace::new();
    // SAFETY: arrays have the lengths that are told, places are valid.
    let status = unsafe {
        let (demand, capacities, costs) = (demand.as_ptr(), capacities.as_ptr(), costs.as_ptr());
        let (name, err) = (name.as_ptr(), err.pointer());
        marl_observer_new(name, demand, hours, capacities, costs, n, agent, dtype, &mut made, err)
    };
    let allowed = [Status::UnknownId, Status::Empty, Status::InvalidArgument, Status::DtypeMismatch];
    err.check("marl_observer_new", status, &allowed);
    assert_eq!(status == Status::Ok, !made.is_null());
    if made.is_null() {
        return;
    }
    // SAFETY: the handle lives, and its buffer with it.
    unsafe {
        let bytes = marl_observer_len(made) * if dtype == 0 { 4 } else { 8 };
        let seen = || std::slice::from_raw_parts(marl_observer_data(made).cast::<u8>(), bytes);
        for _ in 0..3 {
            let t = if input.once_in(4) { input.bits() as i64 } else { input.below(hours + 2) as i64 - 1 };
            let before = seen().to_vec();
            let mut err = ErrorPlace::new();
            let status = marl_observer_observe(made, t, err.pointer());
            err.check("marl_observer_observe", status, &[Status::InvalidArgument]);
            assert_eq!(status == Status::Ok, (0..=hours as i64).contains(&t));
            assert!(status == Status::Ok || before == seen(), "an output was written in spite of an error");
        }
        marl_observer_free(made);
    }
}

fn alone(input: &mut Input) {
    let name = name(input);
    let fine = input.once_in(2);
    let mut number = |positive: bool| if fine { input.fine_number(positive) } else { input.number() };
    let [demand, capacity, cost] = [number(false), number(false), number(false)];
    let scales = [number(true), number(true), number(true)];
    let t = if input.once_in(4) { input.bits() as i64 } else { input.below(10_000) as i64 };
    let mut out = Buffer::<f64>::new(if input.once_in(8) {
        input.below(9)
    } else {
        match name.to_bytes() {
            b"simple" => 4,
            b"simple_v2" => 5,
            _ => 7,
        }
    });
    let mut err = ErrorPlace::new();
    // SAFETY: the text ends with NUL, `out` has the length that is told.
    let status = unsafe {
        let (len, to) = (out.len(), out.pointer());
        let [a, b, c] = scales;
        marl_market_observe(name.as_ptr(), demand, capacity, cost, t, a, b, c, to, len, err.pointer())
    };
    let allowed = [
        Status::DemandNotFinite,
        Status::QuantityNotFinite,
        Status::CostNotFinite,
        Status::ParameterInvalid,
        Status::UnknownId,
        Status::InvalidArgument,
        Status::LengthMismatch,
    ];
    err.check("marl_market_observe", status, &allowed);
    if status == Status::Ok {
        out.assert_guards("marl_market_observe");
        assert!(out.get().iter().all(|x| !x.is_nan()));
    } else {
        out.assert_untouched("marl_market_observe");
    }
}
