/*
 * marl_ffi for C++17: owned handles, views of arrays and exceptions over marl_ffi.h. Header only; link what C links.
 *
 * Conventions
 *   Names       Those of the C header without `marl_`, in namespace marl_ffi. What a function does, its units and its
 *               ranges are told there, at the function of the same name.
 *   Errors      Every failure throws marl_ffi::error, which carries the status and the message. Then no output was
 *               written and no object was changed. Destructors never throw.
 *   Ownership   Handles can be moved and not copied; a moved-from handle may only be destroyed or assigned to. Views
 *               own nothing: what they view must outlive the call, for step_io every call that it is passed to.
 *   Threads     As in C: a handle takes one call at a time, different handles are independent.
 *   Arrays      Every array comes as a span: from a vector, an array, or a pointer and a number of elements. Lengths
 *               are checked, by the library or here.
 */
#ifndef MARL_FFI_HPP
#define MARL_FFI_HPP

#include "marl_ffi.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace marl_ffi {

// What went wrong. `what()` says which input, where, what was expected and what was got.
class error : public std::runtime_error {
   public:
    error(marl_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    // The kind, for programs to branch on.
    marl_status status() const noexcept { return status_; }

    // The kind in lower case, e.g. "unknown_id".
    const char *status_name() const noexcept { return marl_status_name(status_); }

   private:
    marl_status status_;
};

// A view of `size()` elements that somebody else owns. `T` is const where they are only read.
template <class T>
class span {
    template <class Container>
    using element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;
    template <class Container>
    using if_fitting = std::enable_if_t<std::is_convertible_v<element<Container> (*)[], T (*)[]>>;

   public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    // From a vector, a std::array, an array of C, a string, or another span.
    template <class Container, class = if_fitting<Container>>
    constexpr span(Container &container) noexcept : data_(std::data(container)), size_(std::size(container)) {}
    template <class Container, class = if_fitting<const Container>>
    constexpr span(const Container &container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const { return data_[index]; }

   private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

template <class Container>
span(Container &) -> span<std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>>;
template <class Container>
span(const Container &) -> span<std::remove_pointer_t<decltype(std::data(std::declval<const Container &>()))>>;

namespace detail {

inline void check(marl_status status, const marl_error &err) {
    if (status != MARL_STATUS_OK) throw error(status, err.message);
}

// A price that is NaN tells of a failure; `err` has the kind.
inline double checked(double price, const marl_error &err) {
    if (price != price) throw error(err.status, err.message);
    return price;
}

inline void require_abi() {
    if (marl_abi_version() != MARL_ABI_VERSION) {
        throw error(MARL_STATUS_INVALID_ARGUMENT,
                    "the library speaks ABI version " + std::to_string(marl_abi_version()) +
                        ", this program was compiled for " + std::to_string(MARL_ABI_VERSION));
    }
}

inline void require_length(const char *name, std::size_t expected, std::size_t got) {
    if (expected != got) {
        throw error(MARL_STATUS_LENGTH_MISMATCH, std::string(name) + ": expected " + std::to_string(expected) +
                                                     " elements, got " + std::to_string(got));
    }
}

// Bytes of a function that tells their number when asked with NULL.
template <class Bytes, class Function>
Bytes all_of(Function &&function) {
    marl_error err;
    std::size_t size = 0;
    check(function(nullptr, std::size_t{0}, &size, &err), err);
    Bytes bytes(size, {});
    check(function(reinterpret_cast<std::uint8_t *>(bytes.data()), bytes.size(), &size, &err), err);
    bytes.resize(size);
    return bytes;
}

template <class T>
constexpr std::int32_t dtype_of() {
    if constexpr (std::is_same_v<T, float>) return MARL_DTYPE_FLOAT32;
    if constexpr (std::is_same_v<T, double>) return MARL_DTYPE_FLOAT64;
    if constexpr (std::is_same_v<T, std::int32_t>) return MARL_DTYPE_INT32;
    if constexpr (std::is_same_v<T, std::int64_t>) return MARL_DTYPE_INT64;
    return -1;
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------------------------------
// The library

// Version of the library, e.g. "0.1.0".
inline std::string version() { return marl_version(); }

// The instruction set that kernels run on.
inline std::string simd_level() { return marl_simd_level(); }

// Threads that calls use when asked for 0.
inline std::size_t default_num_threads() { return marl_default_num_threads(); }

// The ids of all environments, as a JSON list.
inline std::string env_list() {
    return detail::all_of<std::string>(
        [](std::uint8_t *out, std::size_t capacity, std::size_t *size, marl_error *err) {
            return marl_env_list(out, capacity, size, err);
        });
}

// What an environment says of itself under a configuration, as JSON.
inline std::string env_spec(const std::string &id, const std::string &config_json = {}) {
    return detail::all_of<std::string>(
        [&](std::uint8_t *out, std::size_t capacity, std::size_t *size, marl_error *err) {
            return marl_env_spec(id.c_str(), config_json.c_str(), out, capacity, size, err);
        });
}

// ---------------------------------------------------------------------------------------------------------------------
// Batches of environments

// The buffers of a step: set those that are wanted once, pass it at every step. See `marl_step_io`.
class step_io {
   public:
    step_io() noexcept { io_.size = sizeof io_; }

    // Actions `(E, A, act)`, of a type that the environment takes: float, double, int32_t or int64_t.
    template <class Numbers>
    step_io &actions(const Numbers &numbers) {
        const span view(numbers);
        constexpr std::int32_t dtype = detail::dtype_of<typename decltype(view)::value_type>();
        static_assert(dtype >= 0, "actions are float, double, int32_t or int64_t");
        io_.actions = view.data();
        io_.actions_bytes = view.size_bytes();
        io_.actions_dtype = dtype;
        return *this;
    }

    // Receives observations `(E, A, obs)`, of the type that the specification names.
    template <class Numbers>
    step_io &observations(Numbers &&numbers) {
        return set(io_.observations, io_.observations_bytes, numbers);
    }

    // Receives rewards `(E, A)`, of the type that the specification names.
    template <class Numbers>
    step_io &rewards(Numbers &&numbers) {
        return set(io_.rewards, io_.rewards_bytes, numbers);
    }

    // Receives `(E,)`: 1 where the rules ended the episode, else 0.
    step_io &terminations(span<std::uint8_t> flags) { return set(io_.terminations, io_.terminations_len, flags); }

    // Receives `(E,)`: 1 where the time limit was reached, else 0; both flags may be 1.
    step_io &truncations(span<std::uint8_t> flags) { return set(io_.truncations, io_.truncations_len, flags); }

    // Receives the terminal observation `(E, A, obs)` of each episode that ended.
    template <class Numbers>
    step_io &final_observations(Numbers &&numbers) {
        return set(io_.final_observations, io_.final_observations_bytes, numbers);
    }

    // Receives `(E,)`: 1 where an episode ended, else 0.
    step_io &final_mask(span<std::uint8_t> flags) { return set(io_.final_mask, io_.final_mask_len, flags); }

    // Receives the sum of rewards `(E, A)` of each episode that ended, else 0.
    step_io &episode_returns(span<double> sums) { return set(io_.episode_returns, io_.episode_returns_len, sums); }

    // Receives the steps `(E,)` of each episode that ended, else 0.
    step_io &episode_lengths(span<std::int64_t> steps) {
        return set(io_.episode_lengths, io_.episode_lengths_len, steps);
    }

    // Receives the info arrays, each at the offset that `vec_env::spec` tells.
    step_io &infos(span<std::uint8_t> bytes) { return set(io_.infos, io_.infos_bytes, bytes); }

    // Receives the actions `(T, E, A, act)` that a rollout draws.
    template <class Numbers>
    step_io &actions_out(Numbers &&numbers) {
        return set(io_.actions_out, io_.actions_out_bytes, numbers);
    }

    // The struct of C.
    const marl_step_io &get() const noexcept { return io_; }

   private:
    // Fields of no type count bytes, the others elements.
    template <class Numbers>
    step_io &set(void *&field, std::size_t &bytes, Numbers &&numbers) {
        const span view(numbers);
        field = view.data();
        bytes = view.size_bytes();
        return *this;
    }
    template <class T>
    step_io &set(T *&field, std::size_t &length, span<T> view) {
        field = view.data();
        length = view.size();
        return *this;
    }

    marl_step_io io_{};
};

// How a batch is made.
struct options {
    // Parameters of the environment, a JSON object; empty for the default.
    std::string config_json;
    // The most threads of a step; 0 for the default.
    std::size_t num_threads = 0;
    // What follows the end of an episode.
    marl_autoreset autoreset = MARL_AUTORESET_NEXT_STEP;
};

// Which environments start anew, and how. Empty views and texts mean all of them, without a seed.
struct reset_request {
    // A seed per environment.
    span<const std::uint64_t> seeds;
    // 1 where the seed counts.
    span<const std::uint8_t> seeded;
    // 1 where the environment is reset.
    span<const std::uint8_t> mask;
    // A JSON object.
    std::string options_json;
};

// A batch of environments: reset it, then step it as often as wanted.
class vec_env {
   public:
    // `num_envs` environments of that id.
    explicit vec_env(const std::string &id, std::size_t num_envs, const options &how = options{}) {
        detail::require_abi();
        marl_error err;
        marl_vec_env *made = nullptr;
        detail::check(marl_vec_env_new(id.c_str(), how.config_json.c_str(), num_envs, how.num_threads, how.autoreset,
                                       &made, &err),
                      err);
        handle_.reset(made);
    }

    // Number of environments.
    std::size_t num_envs() const noexcept { return marl_vec_env_num_envs(handle_.get()); }

    // What the batch says of itself, as JSON.
    std::string spec() const {
        return detail::all_of<std::string>(
            [&](std::uint8_t *out, std::size_t capacity, std::size_t *size, marl_error *err) {
                return marl_vec_env_spec(handle_.get(), out, capacity, size, err);
            });
    }

    // Starts new episodes and writes their first observations `(E, A, obs)`.
    template <class Numbers>
    void reset(const reset_request &request, Numbers &&observations) {
        const span seen(observations);
        static_assert(!std::is_const_v<typename decltype(seen)::element_type>, "observations are written");
        const auto elements = [&](const char *name, auto view) {
            if (!view.empty()) detail::require_length(name, num_envs(), view.size());
            return view.data();
        };
        marl_error err;
        detail::check(marl_vec_env_reset(handle_.get(), elements("seeds", request.seeds),
                                         elements("seeded", request.seeded), elements("mask", request.mask),
                                         request.options_json.c_str(), seen.data(), seen.size_bytes(), &err),
                      err);
    }

    // Starts new episodes; environment `i` is seeded `seed + i`.
    template <class Numbers>
    void reset(std::uint64_t seed, Numbers &&observations) {
        std::vector<std::uint64_t> seeds(num_envs());
        for (auto &each : seeds) each = seed++;
        reset_request request;
        request.seeds = seeds;
        reset(request, std::forward<Numbers>(observations));
    }

    // Steps every environment once.
    void step(const step_io &io) {
        marl_error err;
        detail::check(marl_vec_env_step(handle_.get(), &io.get(), &err), err);
    }

    // Steps every environment `num_steps` times; arrays have a leading axis of that length.
    void rollout(std::size_t num_steps, const step_io &io) {
        marl_error err;
        detail::check(marl_vec_env_rollout(handle_.get(), num_steps, &io.get(), &err), err);
    }

    // Writes the observations of the present state `(E, A, obs)`.
    template <class Numbers>
    void observe(Numbers &&observations) {
        const span seen(observations);
        marl_error err;
        detail::check(marl_vec_env_observe(handle_.get(), seen.data(), seen.size_bytes(), &err), err);
    }

    // Everything that decides the future.
    std::vector<std::uint8_t> snapshot() const {
        return detail::all_of<std::vector<std::uint8_t>>(
            [&](std::uint8_t *out, std::size_t capacity, std::size_t *size, marl_error *err) {
                return marl_vec_env_snapshot(handle_.get(), out, capacity, size, err);
            });
    }

    // Goes back to where a snapshot was made.
    void restore(span<const std::uint8_t> snapshot) {
        marl_error err;
        detail::check(marl_vec_env_restore(handle_.get(), snapshot.data(), snapshot.size(), &err), err);
    }

    // Copies a state column `(E, …)` to `values`, of the type that the specification names.
    template <class Numbers>
    void column(const std::string &name, Numbers &&values) const {
        const span view(values);
        marl_error err;
        detail::check(marl_vec_env_column(handle_.get(), name.c_str(), view.data(), view.size_bytes(), &err), err);
    }

    // Injects a state column `(E, …)`, in all environments or where `mask` is 1.
    template <class Numbers>
    void set_column(const std::string &name, const Numbers &values, span<const std::uint8_t> mask = {}) {
        const span view(values);
        if (!mask.empty()) detail::require_length("mask", num_envs(), mask.size());
        marl_error err;
        detail::check(marl_vec_env_set_column(handle_.get(), name.c_str(), view.data(), view.size_bytes(), mask.data(),
                                              &err),
                      err);
    }

    // The seeds in force.
    std::vector<std::uint64_t> seeds() const {
        std::vector<std::uint64_t> found(num_envs());
        marl_error err;
        detail::check(marl_vec_env_seeds(handle_.get(), found.data(), found.size(), &err), err);
        return found;
    }

    // The handle of C, which stays this object's.
    marl_vec_env *get() const noexcept { return handle_.get(); }

   private:
    struct free {
        void operator()(marl_vec_env *env) const noexcept { marl_vec_env_free(env); }
    };
    std::unique_ptr<marl_vec_env, free> handle_;
};

// The step of a batch of one environment whose action is one number, bound to its buffers, which have to stay as long as
// this object does, like the environment: a third to two thirds of the time of `vec_env::step`.
class bound_step {
   public:
    // `actions` is the type that actions are of; those of `io` are not used.
    bound_step(vec_env &env, const step_io &io, marl_dtype actions) : why_(std::make_unique<marl_error>()) {
        marl_step_io raw = io.get();
        raw.actions_dtype = actions;
        marl_error err;
        marl_bound_step *made = nullptr;
        detail::check(marl_bound_step_new(env.get(), &raw, why_.get(), &made, &err), err);
        handle_.reset(made);
    }

    // The reward, or infinity where the buffers tell more: if the episode ended, or the reward is no number below that.
    double operator()(double action) {
        if (!handle_) throw error(MARL_STATUS_NULL_POINTER, "bound_step: this one was moved from");
        why_->status = MARL_STATUS_OK;
        const double reward = marl_bound_step_run(handle_.get(), action);
        if (reward == reward) return reward;
        detail::check(why_->status, *why_);
        throw error(MARL_STATUS_BUSY, "env: another call is inside it; use one per thread");
    }

   private:
    struct free {
        void operator()(marl_bound_step *step) const noexcept { marl_bound_step_free(step); }
    };
    std::unique_ptr<marl_error> why_;
    std::unique_ptr<marl_bound_step, free> handle_;
};

// ---------------------------------------------------------------------------------------------------------------------
// The market

// The default of `marl_market_params`, to start from.
inline marl_market_params market_params() {
    marl_market_params params;
    marl_market_params_default(&params);
    return params;
}

// A market bound to arrays of its own, of float or double: write offers, clear, read dispatch and rewards.
template <class T>
class market {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "markets are of float or of double");

   public:
    explicit market(std::size_t num_generators, const marl_market_params &params = market_params())
        : size_(num_generators) {
        detail::require_abi();
        marl_error err;
        marl_market *made = nullptr;
        detail::check(marl_market_new(num_generators, detail::dtype_of<T>(), &params, &made, &err), err);
        handle_.reset(made);
    }

    // Bids (currency/MWh), quantities (MW) and costs (currency/MWh), to write.
    span<T> bids() noexcept { return array(MARL_MARKET_ARRAY_BIDS); }
    span<T> quantities() noexcept { return array(MARL_MARKET_ARRAY_QUANTITIES); }
    span<T> costs() noexcept { return array(MARL_MARKET_ARRAY_COSTS); }

    // Dispatch (MW) and rewards, to read.
    span<const T> cleared() const noexcept { return array(MARL_MARKET_ARRAY_CLEARED); }
    span<const T> rewards() const noexcept { return array(MARL_MARKET_ARRAY_REWARDS); }

    // Clears the market; returns the price (currency/MWh).
    double clear(double demand) {
        marl_error err;
        return detail::checked(marl_market_clear(handle_.get(), demand, &err), err);
    }

    // Clears the market and pays everybody; returns the price (currency/MWh).
    double step(double demand) {
        marl_error err;
        return detail::checked(marl_market_step(handle_.get(), demand, &err), err);
    }

    // The handle of C, which stays this object's.
    marl_market *get() const noexcept { return handle_.get(); }

   private:
    span<T> array(marl_market_array which) const noexcept {
        return {static_cast<T *>(marl_market_data(handle_.get(), which)), size_};
    }

    struct free {
        void operator()(marl_market *market) const noexcept { marl_market_free(market); }
    };
    std::unique_ptr<marl_market, free> handle_;
    std::size_t size_;
};

// What one agent, or all, see of a market at any hour, in float or double.
template <class T>
class observer {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "observers are of float or of double");

   public:
    // `agent_index` is the agent that looks, or -1 for all.
    observer(const std::string &name, span<const double> demand_profile, span<const double> capacities,
             span<const double> costs, std::int64_t agent_index = -1) {
        detail::require_abi();
        detail::require_length("costs", capacities.size(), costs.size());
        marl_error err;
        marl_observer *made = nullptr;
        detail::check(marl_observer_new(name.c_str(), demand_profile.data(), demand_profile.size(), capacities.data(),
                                        costs.data(), costs.size(), agent_index, detail::dtype_of<T>(), &made, &err),
                      err);
        handle_.reset(made);
    }

    // The observations of hour `t`, in a buffer that the next call writes again.
    span<const T> observe(std::int64_t t) {
        marl_error err;
        detail::check(marl_observer_observe(handle_.get(), t, &err), err);
        return {static_cast<const T *>(marl_observer_data(handle_.get())), marl_observer_len(handle_.get())};
    }

    // The handle of C, which stays this object's.
    marl_observer *get() const noexcept { return handle_.get(); }

   private:
    struct free {
        void operator()(marl_observer *observer) const noexcept { marl_observer_free(observer); }
    };
    std::unique_ptr<marl_observer, free> handle_;
};

// The stateless functions, once for float and once for double. `params` may be null: the default. The first two return
// the price.
#define MARL_FFI_MARKET_FUNCTIONS(T, SUFFIX)                                                                           \
    inline double market_clear(span<const T> bids, span<const T> quantities, double demand, span<T> cleared,           \
                               const marl_market_params *params = nullptr) {                                           \
        marl_error err;                                                                                                \
        double price = 0;                                                                                              \
        detail::check(marl_market_clear_##SUFFIX(bids.data(), bids.size(), quantities.data(), quantities.size(),       \
                                                 demand, params, &price, cleared.data(), cleared.size(), &err),        \
                      err);                                                                                            \
        return price;                                                                                                  \
    }                                                                                                                  \
    inline double market_step(span<const T> bids, span<const T> quantities, span<const T> costs, double demand,        \
                              span<T> cleared, span<T> rewards, const marl_market_params *params = nullptr) {          \
        marl_error err;                                                                                                \
        double price = 0;                                                                                              \
        detail::check(marl_market_step_##SUFFIX(bids.data(), bids.size(), quantities.data(), quantities.size(),        \
                                                costs.data(), costs.size(), demand, params, &price, cleared.data(),    \
                                                cleared.size(), rewards.data(), rewards.size(), &err),                 \
                      err);                                                                                            \
        return price;                                                                                                  \
    }                                                                                                                  \
    inline void market_clear_batch(span<const T> bids, span<const T> quantities, span<const double> demand,            \
                                   std::size_t num_generators, span<T> prices, span<T> cleared,                        \
                                   const marl_market_params *params = nullptr, std::size_t num_threads = 0) {          \
        marl_error err;                                                                                                \
        detail::check(marl_market_clear_batch_##SUFFIX(bids.data(), bids.size(), quantities.data(), quantities.size(), \
                                                       demand.data(), demand.size(), num_generators, params,           \
                                                       prices.data(), prices.size(), cleared.data(), cleared.size(),   \
                                                       num_threads, &err),                                             \
                      err);                                                                                            \
    }                                                                                                                  \
    inline void market_step_batch(span<const T> bids, span<const T> quantities, span<const T> costs,                   \
                                  span<const double> demand, std::size_t num_generators, span<T> prices,               \
                                  span<T> cleared, span<T> rewards, const marl_market_params *params = nullptr,        \
                                  std::size_t num_threads = 0) {                                                       \
        marl_error err;                                                                                                \
        detail::check(                                                                                                 \
            marl_market_step_batch_##SUFFIX(bids.data(), bids.size(), quantities.data(), quantities.size(),            \
                                            costs.data(), costs.size(), demand.data(), demand.size(), num_generators,  \
                                            params, prices.data(), prices.size(), cleared.data(), cleared.size(),      \
                                            rewards.data(), rewards.size(), num_threads, &err),                        \
            err);                                                                                                      \
    }                                                                                                                  \
    /* Returns the price and what the buyer got (MW). */                                                               \
    inline std::pair<double, double> market_clear_with_storage(                                                        \
        span<const T> bids, span<const T> quantities, double demand, double buy_bid, double buy_quantity,              \
        span<T> cleared, const marl_market_params *params = nullptr) {                                                 \
        marl_error err;                                                                                                \
        double price = 0, charged = 0;                                                                                 \
        detail::check(                                                                                                 \
            marl_market_clear_with_storage_##SUFFIX(bids.data(), bids.size(), quantities.data(), quantities.size(),    \
                                                    demand, buy_bid, buy_quantity, params, &price, cleared.data(),     \
                                                    cleared.size(), &charged, &err),                                   \
            err);                                                                                                      \
        return {price, charged};                                                                                       \
    }

MARL_FFI_MARKET_FUNCTIONS(float, f32)
MARL_FFI_MARKET_FUNCTIONS(double, f64)
#undef MARL_FFI_MARKET_FUNCTIONS

// One agent's observation from numbers at hand, written to `out`.
inline void market_observe(const std::string &name, double demand, double capacity, double cost, std::int64_t t,
                           double demand_scale, double capacity_scale, double cost_scale, span<double> out) {
    marl_error err;
    detail::check(marl_market_observe(name.c_str(), demand, capacity, cost, t, demand_scale, capacity_scale, cost_scale,
                                      out.data(), out.size(), &err),
                  err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Bucket Brigade

// Plays whole episodes between heuristic agents: every profile of strategies `(num_profiles, num_agents, 10)` plays
// every seed. `scores` receives `(num_profiles, num_seeds, num_agents)`, `nights` `(num_profiles, num_seeds)`.
inline void brigade_episodes(const std::string &config_json, span<const double> params, std::size_t num_profiles,
                             std::size_t num_agents, span<const std::uint64_t> seeds, std::size_t num_seeds,
                             span<float> scores, span<std::uint32_t> nights,
                             marl_brigade_decisions decisions = MARL_BRIGADE_DECISIONS_ORIGINAL,
                             std::size_t num_threads = 0) {
    detail::require_abi();
    marl_error err;
    detail::check(marl_brigade_episodes(config_json.c_str(), params.data(), params.size(), num_profiles, num_agents,
                                        seeds.data(), seeds.size(), num_seeds, decisions, num_threads, scores.data(),
                                        scores.size(), nights.data(), nights.size(), &err),
                  err);
}

}  // namespace marl_ffi

#endif  // MARL_FFI_HPP
