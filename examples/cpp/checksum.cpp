// A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
//
// Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by
// bit. The rules are told once, in ../checksum.py.
#include <marl_ffi.hpp>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace {

constexpr std::size_t poles = 1000, generators = 5, features = 4;
constexpr int steps = 200, hours = 240;
constexpr std::uint64_t pole_seed = 42, day_seed = 7;

// FNV-1a, 64 bits, the lowest byte of every number first on any machine.
class checksum {
   public:
    template <class Numbers>
    void add(const Numbers &numbers) {
        for (const auto number : marl_ffi::span(numbers)) {
            std::conditional_t<sizeof number == 4, std::uint32_t, std::uint64_t> bits;
            static_assert(sizeof bits == sizeof number);
            std::memcpy(&bits, &number, sizeof bits);
            for (std::size_t byte = 0; byte < sizeof bits; byte++) {
                value_ = (value_ ^ (bits >> (8 * byte) & 0xff)) * UINT64_C(0x100000001b3);
            }
        }
    }

    std::uint64_t value() const { return value_; }

   private:
    std::uint64_t value_ = UINT64_C(0xcbf29ce484222325);
};

// [errors]
void show_a_refusal() {
    try {
        marl_ffi::vec_env("CartPole-v2", poles);
    } catch (const marl_ffi::error &refusal) {
        if (refusal.status() != MARL_STATUS_UNKNOWN_ID) throw;
        std::printf("refused: %s (%d): %s\n", refusal.status_name(), refusal.status(), refusal.what());
    }
}
// [/errors]

marl_ffi::options same_step() {
    marl_ffi::options how;
    how.autoreset = MARL_AUTORESET_SAME_STEP;
    return how;
}

// [cartpole]
int cartpole(checksum &sum) {
    std::vector<float> observations(poles * 4);
    std::vector<double> rewards(poles);
    std::vector<std::int64_t> actions(poles);
    std::vector<std::uint8_t> terminations(poles), truncations(poles);

    marl_ffi::vec_env env("CartPole-v1", poles, same_step());
    env.reset(pole_seed, observations);
    sum.add(observations);

    marl_ffi::step_io io;
    io.actions(actions).observations(observations).rewards(rewards);
    io.terminations(terminations).truncations(truncations);

    int ended = 0;
    for (int step = 0; step < steps; step++) {
        for (std::size_t e = 0; e < poles; e++) actions[e] = (3 * step + static_cast<int>(e)) % 7 % 2;
        env.step(io);
        sum.add(observations);
        sum.add(rewards);
        for (std::size_t e = 0; e < poles; e++) ended += terminations[e] || truncations[e];
    }
    return ended;
}
// [/cartpole]

int market(checksum &sum) {
    std::array<float, generators * features> observations;
    std::array<float, generators * 2> actions;
    std::array<float, generators> rewards;
    std::array<std::uint8_t, 1> termination, truncation;

    marl_ffi::vec_env env("ElectricityMarket-v0", 1, same_step());
    env.reset(day_seed, observations);
    sum.add(observations);

    marl_ffi::step_io io;
    io.actions(actions).observations(observations).rewards(rewards);
    io.terminations(termination).truncations(truncation);

    int ended = 0;
    for (int hour = 0; hour < hours; hour++) {
        for (int k = 0; k < static_cast<int>(generators); k++) {
            const auto agent = static_cast<std::size_t>(k);
            actions[2 * agent] = static_cast<float>((hour + k) % 3) / 4;                  // the fraction withheld
            actions[2 * agent + 1] = static_cast<float>((2 * hour + 3 * k) % 9 - 4) / 2;  // the markup on the cost
        }
        env.step(io);
        sum.add(observations);
        sum.add(rewards);
        ended += termination[0];
    }
    return ended;
}

// [auctions]
double auctions(checksum &sum) {
    marl_ffi::market<double> auction(generators);
    for (std::size_t k = 0; k < generators; k++) {
        auction.costs()[k] = 20 + 5 * static_cast<double>(k);
        auction.quantities()[k] = 30;
    }
    double total = 0;
    for (int hour = 0; hour < hours; hour++) {
        for (int k = 0; k < static_cast<int>(generators); k++) {
            auction.bids()[static_cast<std::size_t>(k)] = 20 + 5 * k + (hour + 2 * k) % 5;
        }
        const std::array<double, 1> price{auction.step(60 + (7 * hour) % 80)};
        sum.add(price);
        sum.add(auction.cleared());
        sum.add(auction.rewards());
        total += price[0];
    }
    return total / hours;
}
// [/auctions]

}  // namespace

int main() try {
    checksum sum;
    show_a_refusal();
    std::printf("CartPole-v1: %zu poles, %d steps, %d episodes ended\n", poles, steps, cartpole(sum));
    std::printf("ElectricityMarket-v0: %zu generators, %d hours, %d days ended\n", generators, hours, market(sum));
    std::printf("marl_market: %d auctions, mean price %.6f\n", hours, auctions(sum));
    std::printf("checksum: %016" PRIx64 "\n", sum.value());
    return 0;
} catch (const marl_ffi::error &error) {
    std::fprintf(stderr, "%s (%d): %s\n", error.status_name(), error.status(), error.what());
    return 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
