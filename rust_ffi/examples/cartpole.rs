//! Steps a batch of CartPoles with a policy that pushes to where the pole leans, and tells how long poles stand.
//!
//! `cargo run --release --example cartpole -- 4096 2000`

use marl_ffi::{Autoreset, Options, Result, VecEnv};
use std::time::Instant;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (num_envs, num_steps) = (numbers.next().unwrap_or(1024), numbers.next().unwrap_or(1000));

    let options = Options::new().set("dtype", "float32").autoreset(Autoreset::SameStep);
    let mut env = VecEnv::new("CartPole-v1", num_envs, options)?;
    let mut observations = env.reset(Some(0))?.f32().unwrap_or_default().to_vec();
    let mut actions = vec![0_i64; num_envs];
    let (mut episodes, mut total) = (0_i64, 0_i64);

    let start = Instant::now();
    for _ in 0..num_steps {
        // Of each row: position, velocity, angle, angular velocity.
        for (action, row) in actions.iter_mut().zip(observations.chunks_exact(4)) {
            *action = i64::from(row[2] + row[3] > 0.0);
        }
        let step = env.step(&actions)?;
        episodes += step.final_mask.iter().map(|ended| i64::from(*ended)).sum::<i64>();
        total += step.episode_lengths.iter().sum::<i64>();
        observations.copy_from_slice(step.observations.f32().unwrap_or_default());
    }
    let million_per_second = (num_envs * num_steps) as f64 / start.elapsed().as_secs_f64() / 1e6;

    println!("{num_envs} environments, {num_steps} steps: {million_per_second:.0} million steps/s");
    println!("{episodes} episodes of {:.1} steps on average", total as f64 / episodes.max(1) as f64);
    Ok(())
}
