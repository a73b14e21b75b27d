//! Environments to play with: every id, and settings that change the code they walk through.

use marl_ffi::envs::REGISTRY;

/// Ids with settings; the default settings of every registered environment come first.
pub fn all() -> Vec<(&'static str, &'static str)> {
    REGISTRY.iter().map(|entry| (entry.id, "")).chain(SETTINGS).collect()
}

const SETTINGS: [(&str, &str); 14] = [
    ("ElectricityMarket-v0", r#"{"dtype":"float64","observer":"basic","history":true,"max_episode_steps":5}"#),
    (
        "ElectricityMarket-v0",
        r#"{"observer":"simple_v3","tie_rule":"pro_rata","out_of_range_actions":"clip","price_cap":30}"#,
    ),
    (
        "ElectricityMarket-v0",
        r#"{"params":{"N_generators":2,"T":3,"demand_profile":[3,9,1.5],"capacities":[4,5],"costs":[1,-2],"bess":{"power_mw":2,"duration_h":2,"efficiency_rt":0.8,"initial_soc_frac":0.5,"bid_ref":3}},"history":true,"demand_noise":"every_reset"}"#,
    ),
    (
        "ElectricityMarket-v0",
        r#"{"params":{"N_generators":2,"T":3,"demand_profile":[3,9,1.5],"capacities":[4,5],"costs":[1,2],"day_ahead":true,"bess":{"power_mw":2,"duration_h":2,"efficiency_rt":1,"initial_soc_frac":0,"bid_ref":3}},"dtype":"float64"}"#,
    ),
    (
        "ElectricityMarket-v0",
        r#"{"params":{"N_generators":3,"T":2,"demand_profile":[3,9],"capacities":[4,5,0],"costs":[1,2,2]},"agents":[1],"policies":[[0.5,1],null,[0,-3]],"observer":"simple_v2","loss_of_load":"robust","scarcity_price":"highest_dispatched_bid"}"#,
    ),
    (
        "BucketBrigade-v0",
        r#"{"scenario":"chain_reaction","num_agents":3,"agents":[1],"max_nights":7,"actions":"pairs"}"#,
    ),
    (
        "BucketBrigade-v0",
        r#"{"num_houses":70,"num_agents":9,"commitment_mode":"two_phase","extinguish_mode":"continuous","suppression_per_worker":0.4,"phase_order":"spread_first","termination":"no_fire","observation":"v1","observe_progress":true}"#,
    ),
    ("BucketBrigade-v0", r#"{"num_houses":2,"num_agents":1,"action_validity_mode":"adjacent_only","max_nights":1}"#),
    (
        "BucketBrigade-v0",
        r#"{"max_nights":null,"min_nights":0,"action_shaping_alpha":1,"distance_cost_alpha":0.5,"decisions":"original","agents":[0,2]}"#,
    ),
    ("CartPole-v1", r#"{"dtype":"float32","max_episode_steps":3,"sutton_barto_reward":true}"#),
    ("MountainCar-v0", r#"{"dtype":"float32","max_episode_steps":2}"#),
    ("MountainCarContinuous-v0", r#"{"dtype":"float32"}"#),
    ("Pendulum-v1", r#"{"dtype":"float32","g":1e300}"#),
    ("Acrobot-v1", r#"{"dtype":"float32","book_or_nips":"nips","max_episode_steps":4}"#),
];
