//! A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
//!
//! Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by
//! bit. The rules are told once, in `../../checksum.py`.

use marl_ffi::{Array, Autoreset, Market, Options, Result, Status, VecEnv};

const POLES: usize = 1000;
const STEPS: usize = 200;
const POLE_SEED: u64 = 42;
const GENERATORS: usize = 5;
const HOURS: usize = 240;
const DAY_SEED: u64 = 7;

/// FNV-1a, 64 bits, the lowest byte of every number first on any machine.
struct Checksum(u64);

impl Checksum {
    fn bytes(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn add(&mut self, numbers: Array<'_>) {
        match numbers {
            Array::F32(numbers) => self.bytes(numbers.iter().flat_map(|x| x.to_le_bytes())),
            Array::F64(numbers) => self.bytes(numbers.iter().flat_map(|x| x.to_le_bytes())),
        }
    }
}

// [errors]
fn show_a_refusal() -> Result<()> {
    match VecEnv::new("CartPole-v2", POLES, Options::new()) {
        Err(refusal) if refusal.status == Status::UnknownId => {
            let (name, code) = (refusal.status.name(), refusal.status as i32);
            println!("refused: {name} ({code}): {}", refusal.message);
            Ok(())
        }
        other => other.map(|_| ()),
    }
}
// [/errors]

// [cartpole]
fn cartpole(checksum: &mut Checksum) -> Result<usize> {
    let mut env = VecEnv::new(
        "CartPole-v1",
        POLES,
        Options::new().autoreset(Autoreset::SameStep),
    )?;
    checksum.add(env.reset(Some(POLE_SEED))?);

    let mut actions = [0_i64; POLES];
    let mut ended = 0;
    for step in 0..STEPS {
        for (e, action) in actions.iter_mut().enumerate() {
            *action = ((3 * step + e) % 7 % 2) as i64;
        }
        let after = env.step(&actions)?;
        checksum.add(after.observations);
        checksum.add(after.rewards);
        ended += after.final_mask.iter().filter(|over| **over == 1).count();
    }
    Ok(ended)
}
// [/cartpole]

fn market(checksum: &mut Checksum) -> Result<usize> {
    let mut env = VecEnv::new(
        "ElectricityMarket-v0",
        1,
        Options::new().autoreset(Autoreset::SameStep),
    )?;
    checksum.add(env.reset(Some(DAY_SEED))?);

    let mut actions = [[0_f32; 2]; GENERATORS];
    let mut ended = 0;
    for hour in 0..HOURS {
        for (k, [withheld, markup]) in actions.iter_mut().enumerate() {
            *withheld = ((hour + k) % 3) as f32 / 4.0;
            *markup = ((2 * hour + 3 * k) % 9) as f32 / 2.0 - 2.0;
        }
        let after = env.step(actions.as_flattened())?;
        checksum.add(after.observations);
        checksum.add(after.rewards);
        ended += after.terminations.iter().filter(|over| **over == 1).count();
    }
    Ok(ended)
}

// [auctions]
fn auctions(checksum: &mut Checksum) -> Result<f64> {
    let mut auction = Market::<f64>::new(GENERATORS)?;
    auction.quantities_mut().fill(30.0);
    for (k, cost) in auction.costs_mut().iter_mut().enumerate() {
        *cost = (20 + 5 * k) as f64;
    }
    let mut total = 0.0;
    for hour in 0..HOURS {
        for (k, bid) in auction.bids_mut().iter_mut().enumerate() {
            *bid = (20 + 5 * k + (hour + 2 * k) % 5) as f64;
        }
        let price = auction.step((60 + (7 * hour) % 80) as f64)?;
        checksum.add(Array::F64(&[price]));
        checksum.add(Array::F64(auction.cleared()));
        checksum.add(Array::F64(auction.rewards()));
        total += price;
    }
    Ok(total / HOURS as f64)
}
// [/auctions]

fn main() -> Result<()> {
    let mut checksum = Checksum(0xcbf2_9ce4_8422_2325);
    show_a_refusal()?;
    println!(
        "CartPole-v1: {POLES} poles, {STEPS} steps, {} episodes ended",
        cartpole(&mut checksum)?
    );
    println!(
        "ElectricityMarket-v0: {GENERATORS} generators, {HOURS} hours, {} days ended",
        market(&mut checksum)?
    );
    println!(
        "marl_market: {HOURS} auctions, mean price {:.6}",
        auctions(&mut checksum)?
    );
    println!("checksum: {:016x}", checksum.0);
    Ok(())
}
