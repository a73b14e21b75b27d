// The header from C++: a batch owned by a smart pointer, errors as exceptions.
#include "marl_ffi.h"

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Free {
    void operator()(marl_vec_env *env) const { marl_vec_env_free(env); }
};

void check(marl_status status, const marl_error &error) {
    if (status != MARL_STATUS_OK) throw std::runtime_error(error.message);
}

std::unique_ptr<marl_vec_env, Free> make(const std::string &config, std::size_t num_envs) {
    marl_error error;
    marl_vec_env *env = nullptr;
    check(marl_vec_env_new("ElectricityMarket-v0", config.c_str(), num_envs, 1, MARL_AUTORESET_SAME_STEP, &env, &error),
          error);
    return std::unique_ptr<marl_vec_env, Free>(env);
}

}  // namespace

int main() {
    constexpr std::size_t envs = 3, agents = 5, features = 4, steps = 30;
    marl_error error;
    const auto env = make("", envs);
    std::vector<float> first(envs * agents * features), observations(steps * envs * agents * features);
    std::vector<float> rewards(steps * envs * agents);
    std::vector<std::uint8_t> terminations(steps * envs), truncations(steps * envs);
    const std::vector<std::uint64_t> seeds{1, 2, 3};
    check(marl_vec_env_reset(env.get(), seeds.data(), nullptr, nullptr, nullptr, first.data(), first.size() * 4, &error),
          error);

    marl_step_io io{};
    io.size = sizeof io;
    io.observations = observations.data();
    io.observations_bytes = observations.size() * sizeof(float);
    io.rewards = rewards.data();
    io.rewards_bytes = rewards.size() * sizeof(float);
    io.terminations = terminations.data();
    io.terminations_len = terminations.size();
    io.truncations = truncations.data();
    io.truncations_len = truncations.size();
    check(marl_vec_env_rollout(env.get(), steps, &io, &error), error);

    std::size_t ends = 0;
    for (const auto ended : terminations) ends += ended;
    if (ends != envs) throw std::logic_error("each day of 24 hours should have ended once in 30 steps");

    try {
        make(R"({"observr": "simple"})", 1);
        throw std::logic_error("an unknown key was taken");
    } catch (const std::runtime_error &refusal) {
        if (std::string(refusal.what()).find("observer") == std::string::npos) throw;
    }
    std::printf("2 checks, 0 failed\n");
}
