// The C++ header: every class and function once, what it refuses, and who owns what.
#include "marl_ffi.hpp"

#include "check.h"

#include <array>
#include <limits>
#include <string_view>

namespace {

constexpr std::size_t envs = 3, agents = 5, features = 4, hours = 24;

template <class Call>
bool throws(marl_status expected, const char *in_message, Call &&call) {
    try {
        call();
    } catch (const marl_ffi::error &error) {
        const std::string_view message = error.what();
        const bool right = error.status() == expected && message.find(in_message) != message.npos &&
                           std::string(error.status_name()) == marl_status_name(expected);
        if (!right) std::printf("%s: %s\n", error.status_name(), error.what());
        return right;
    }
    return false;
}

static_assert(std::is_move_constructible_v<marl_ffi::vec_env> && !std::is_copy_constructible_v<marl_ffi::vec_env>);
static_assert(std::is_move_assignable_v<marl_ffi::vec_env> && !std::is_copy_assignable_v<marl_ffi::vec_env>);
static_assert(!std::is_copy_constructible_v<marl_ffi::market<float>> &&
              !std::is_copy_constructible_v<marl_ffi::observer<double>>);
static_assert(std::is_base_of_v<std::runtime_error, marl_ffi::error>);
// Views take what fits and nothing else.
static_assert(std::is_convertible_v<std::vector<float> &, marl_ffi::span<float>>);
static_assert(std::is_convertible_v<const std::vector<float> &, marl_ffi::span<const float>>);
static_assert(!std::is_convertible_v<const std::vector<float> &, marl_ffi::span<float>>);
static_assert(!std::is_convertible_v<std::vector<double> &, marl_ffi::span<float>>);

void library() {
    CHECK(marl_ffi::version() == marl_version());
    CHECK(marl_ffi::simd_level() == marl_simd_level());
    CHECK(marl_ffi::default_num_threads() == marl_default_num_threads());
    CHECK(marl_ffi::env_list().find("\"ElectricityMarket-v0\"") != std::string::npos);
    CHECK(marl_ffi::env_spec("CartPole-v1").front() == '{');
    CHECK(marl_ffi::env_spec("ElectricityMarket-v0", R"({"observer": "simple_v3"})").back() == '}');
    CHECK(throws(MARL_STATUS_UNKNOWN_ID, "CartPole-v1", [] { marl_ffi::env_spec("CartPole-v2"); }));
}

void spans() {
    int plain[] = {1, 2, 3};
    const std::array<int, 2> fixed{4, 5};
    marl_ffi::span<int> view(plain);
    CHECK(view.size() == 3 && view.size_bytes() == 3 * sizeof(int) && view[2] == 3 && !view.empty());
    const marl_ffi::span<const int> read = fixed;
    CHECK(read.data() == fixed.data() && *read.begin() == 4 && read.end() - read.begin() == 2);
    CHECK(marl_ffi::span<int>().empty() && marl_ffi::span<int>(plain, 2).size() == 2);
    const marl_ffi::span<const int> narrower = view;
    CHECK(narrower.size() == 3);
}

void batches() {
    std::vector<float> seen(envs * agents * features), again(seen.size()), rewards(hours * envs * agents);
    std::vector<float> many(hours * seen.size()), finals(many.size()), drawn(hours * envs * agents * 2);
    std::vector<std::uint8_t> over(hours * envs), out_of_time(over.size()), mask(over.size());
    std::vector<double> returns(rewards.size());
    std::vector<std::int64_t> lengths(over.size());
    marl_ffi::options how;
    how.config_json = R"({"observer": "simple"})";
    how.num_threads = 1;
    how.autoreset = MARL_AUTORESET_SAME_STEP;
    marl_ffi::vec_env env("ElectricityMarket-v0", envs, how);
    CHECK(env.num_envs() == envs && env.get() != nullptr);
    CHECK(env.spec().find("\"num_envs\":3") != std::string::npos);

    env.reset(7, seen);
    CHECK((env.seeds() == std::vector<std::uint64_t>{7, 8, 9}));
    const std::vector<std::uint64_t> seeds{5, 6, 7};
    const std::array<std::uint8_t, envs> first{1, 0, 0};
    marl_ffi::reset_request request;
    request.seeds = seeds;
    request.seeded = first;
    request.mask = first;
    again = seen;
    env.reset(request, again);
    CHECK((env.seeds() == std::vector<std::uint64_t>{5, 8, 9}));
    CHECK(std::equal(seen.begin() + agents * features, seen.end(), again.begin() + agents * features));
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "seeds: expected 3 elements, got 2", [&] {
        request.seeds = marl_ffi::span<const std::uint64_t>(seeds.data(), 2);
        env.reset(request, seen);
    }));
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "", [&] { env.reset(7, marl_ffi::span<float>(seen.data(), 3)); }));

    const auto snapshot = env.snapshot();
    marl_ffi::step_io io;
    io.observations(many).rewards(rewards).terminations(over).truncations(out_of_time).final_observations(finals);
    io.final_mask(mask).episode_returns(returns).episode_lengths(lengths).actions_out(drawn);
    CHECK(io.get().size == sizeof(marl_step_io) && io.get().episode_lengths_len == lengths.size());
    env.rollout(hours, io);
    CHECK(over.back() == 1 && mask.back() == 1 && lengths.back() == static_cast<std::int64_t>(hours));

    // The same day, step by step, from where the snapshot was made.
    env.restore(snapshot);
    std::vector<float> one(seen.size()), paid(envs * agents);
    std::vector<std::uint8_t> infos(4096), ended(envs), late(envs);
    for (std::size_t hour = 0; hour < hours; hour++) {
        marl_ffi::step_io step;
        step.actions(marl_ffi::span<const float>(drawn.data() + hour * envs * agents * 2, envs * agents * 2));
        step.observations(one).rewards(paid).terminations(ended).truncations(late);
        env.step(step);
        CHECK(std::equal(one.begin(), one.end(), many.begin() + static_cast<std::ptrdiff_t>(hour * one.size())));
        CHECK(std::equal(paid.begin(), paid.end(), rewards.begin() + static_cast<std::ptrdiff_t>(hour * paid.size())));
    }
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "infos", [&] {
        marl_ffi::step_io step;
        step.actions(drawn).infos(infos);
        step.actions(marl_ffi::span<const float>(drawn.data(), envs * agents * 2));
        step.observations(one).rewards(paid).terminations(ended).truncations(late);
        env.step(step);
    }));
    CHECK(throws(MARL_STATUS_SNAPSHOT_INVALID, "", [&] {
        env.restore(marl_ffi::span<const std::uint8_t>(snapshot.data(), snapshot.size() / 2));
    }));

    std::vector<std::uint32_t> clock(envs);
    env.column("clock", clock);
    CHECK(clock[0] == 0);
    std::vector<float> demand(envs * hours);
    env.column("demand", demand);
    demand[0] = 33;
    env.set_column("demand", demand, first);
    env.observe(seen);
    env.column("demand", demand);
    CHECK(demand[0] == 33);
    CHECK(throws(MARL_STATUS_UNKNOWN_COLUMN, "demand", [&] { env.column("demnd", demand); }));
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "mask: expected 3 elements, got 2", [&] {
        env.set_column("demand", demand, marl_ffi::span<const std::uint8_t>(first.data(), 2));
    }));

    // Handles move; the last owner frees.
    marl_ffi::vec_env taken = std::move(env);
    CHECK(taken.num_envs() == envs && env.get() == nullptr && env.num_envs() == 0);
    env = std::move(taken);
    CHECK(env.num_envs() == envs);
    CHECK(throws(MARL_STATUS_EMPTY, "", [] { marl_ffi::vec_env("CartPole-v1", 0); }));
}

template <class T>
void markets() {
    const std::vector<T> bids{30, 20, 10}, quantities{50, 50, 50}, costs{30, 20, 10};
    std::vector<T> cleared(3), rewards(3), prices(2), both(6), paid(6);
    marl_ffi::market<T> market(3);
    std::copy(bids.begin(), bids.end(), market.bids().begin());
    std::copy(costs.begin(), costs.end(), market.costs().begin());
    for (auto &quantity : market.quantities()) quantity = 50;
    CHECK(market.clear(60) == 20 && market.cleared()[1] == 10 && market.get() != nullptr);
    CHECK(market.step(60) == 20 && market.rewards()[2] > 0);
    CHECK(marl_ffi::market_clear(bids, quantities, 60, cleared) == 20 && cleared[2] == 50);
    CHECK(marl_ffi::market_step(bids, quantities, costs, 60, cleared, rewards) == 20);
    CHECK(std::equal(rewards.begin(), rewards.end(), market.rewards().begin()));

    auto params = marl_ffi::market_params();
    params.price_cap = 15;
    CHECK(marl_ffi::market_clear(bids, quantities, 60, cleared, &params) == 15);
    CHECK(marl_ffi::market<T>(3, params).clear(0) <= 15);

    const std::vector<double> demand{60, 110};
    std::vector<T> two_bids(bids), two_quantities(quantities);
    two_bids.insert(two_bids.end(), bids.begin(), bids.end());
    two_quantities.insert(two_quantities.end(), quantities.begin(), quantities.end());
    marl_ffi::market_clear_batch(two_bids, two_quantities, demand, 3, prices, both);
    CHECK(prices[0] == 20 && prices[1] == 30);
    marl_ffi::market_step_batch(two_bids, two_quantities, costs, demand, 3, prices, both, paid, nullptr, 1);
    CHECK(prices[1] == 30 && std::equal(rewards.begin(), rewards.end(), paid.begin()));
    const auto [price, charged] = marl_ffi::market_clear_with_storage(bids, quantities, 60, 25, 30, cleared);
    CHECK(price == 20 && charged == 30);

    CHECK(throws(MARL_STATUS_DEMAND_NEGATIVE, "-1", [&] { market.clear(-1); }));
    CHECK(throws(MARL_STATUS_DEMAND_NEGATIVE, "-1", [&] { market.step(-1); }));
    CHECK(throws(MARL_STATUS_BID_NOT_FINITE, "bids", [&] {
        market.bids()[1] = std::numeric_limits<T>::infinity();
        market.clear(60);
    }));
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "", [&] { marl_ffi::market_clear(bids, quantities, 60, both); }));

    const std::vector<double> profile{100, 80}, capacities{50, 40}, prices_of{10, 20};
    marl_ffi::observer<T> look("simple", profile, capacities, prices_of);
    CHECK(look.observe(1).size() == 2 * features && look.observe(1)[0] == T(0.8) && look.get() != nullptr);
    CHECK(marl_ffi::observer<T>("simple", profile, capacities, prices_of, 1).observe(0).size() == features);
    CHECK(throws(MARL_STATUS_INVALID_ARGUMENT, "", [&] { look.observe(3); }));
    CHECK(throws(MARL_STATUS_LENGTH_MISMATCH, "costs: expected 2 elements, got 1", [&] {
        marl_ffi::observer<T>("simple", profile, capacities, marl_ffi::span<const double>(prices_of.data(), 1));
    }));
}

void the_rest() {
    std::array<double, features> features_of{};
    marl_ffi::market_observe("simple", 50, 10, 20, 0, 100, 10, 40, features_of);
    CHECK(features_of[0] == 0.5);

    const std::vector<double> strategies(2 * 4 * 10, 0.5);
    const std::vector<std::uint64_t> seeds{1, 2, 3};
    std::vector<float> scores(2 * 3 * 4);
    std::vector<std::uint32_t> nights(2 * 3);
    marl_ffi::brigade_episodes(R"({"scenario": "default"})", strategies, 2, 4, seeds, 3, scores, nights);
    CHECK(nights[0] > 0 && std::equal(scores.begin(), scores.begin() + 12, scores.begin() + 12));
    CHECK(throws(MARL_STATUS_UNKNOWN_ID, "default", [&] {
        marl_ffi::brigade_episodes(R"({"scenario": "defalt"})", strategies, 2, 4, seeds, 3, scores, nights);
    }));
}

void bound() {
    std::vector<std::uint64_t> seeds{3};
    std::array<float, 4> seen{};
    std::array<double, 1> rewards{};
    std::array<std::uint8_t, 1> over{}, cut{};
    marl_ffi::options how;
    how.autoreset = MARL_AUTORESET_DISABLED;
    marl_ffi::vec_env env("CartPole-v1", 1, how);
    marl_ffi::step_io io;
    io.observations(seen).rewards(rewards).terminations(over).truncations(cut);
    marl_ffi::bound_step step(env, io, MARL_DTYPE_INT64);
    CHECK(throws(MARL_STATUS_NOT_RESET, "env 0", [&] { step(1); }));
    marl_ffi::reset_request request;
    request.seeds = seeds;
    env.reset(request, seen);
    const float before = seen[1];
    CHECK(step(1) == 1 && seen[1] > before && !over[0]);
    CHECK(throws(MARL_STATUS_ACTION_INVALID, "2.0", [&] { step(2); }));
    int steps = 1;
    while (step(1) < std::numeric_limits<double>::infinity()) steps++;
    CHECK(steps < 20 && over[0] && rewards[0] == 1);
    CHECK(throws(MARL_STATUS_EPISODE_OVER, "reset", [&] { step(1); }));
    CHECK(throws(MARL_STATUS_DTYPE_MISMATCH, "float32", [&] { marl_ffi::bound_step(env, io, MARL_DTYPE_FLOAT32); }));
}

}  // namespace

int main() {
    library();
    spans();
    batches();
    markets<float>();
    markets<double>();
    the_rest();
    bound();
    return outcome();
}
