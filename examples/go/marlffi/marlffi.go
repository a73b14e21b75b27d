// Package marlffi calls marl_ffi through its C ABI. What each function does is told in marl_ffi.h.
//
// A VecEnv or Market takes one call at a time: a second one at the same time returns an Error of status Busy.
package marlffi

// #cgo pkg-config: marl_ffi
// #include <marl_ffi.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Status tells the kind of an Error.
type Status int32

// The statuses that this program looks at; marl_ffi.h has them all.
const (
	LengthMismatch Status = C.MARL_STATUS_LENGTH_MISMATCH
	UnknownID      Status = C.MARL_STATUS_UNKNOWN_ID
	Busy           Status = C.MARL_STATUS_BUSY
)

// String is the name of the status in lower case.
func (s Status) String() string { return C.GoString(C.marl_status_name(C.int32_t(s))) }

// Error says which input was wrong, where, what was expected and what was got.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%d): %s", e.Status, int32(e.Status), e.Message)
}

// check makes an error of what a call returned, or nil.
func check(status C.enum_marl_status, err *C.marl_error) error {
	if status == C.MARL_STATUS_OK {
		return nil
	}
	return &Error{Status(status), C.GoString(&err.message[0])}
}

// CheckABI tells whether the library that was loaded is one that this package was written for.
func CheckABI() error {
	if got := C.marl_abi_version(); got != C.MARL_ABI_VERSION {
		return fmt.Errorf("the library speaks ABI %d, this program %d", got, C.MARL_ABI_VERSION)
	}
	return nil
}

// Number is a type of actions, observations and rewards.
type Number interface {
	float32 | float64 | int32 | int64
}

func dtypeOf[T Number]() C.int32_t {
	switch any(*new(T)).(type) {
	case float32:
		return C.MARL_DTYPE_FLOAT32
	case float64:
		return C.MARL_DTYPE_FLOAT64
	case int32:
		return C.MARL_DTYPE_INT32
	default:
		return C.MARL_DTYPE_INT64
	}
}

// Buffers are the arrays of a step, filled by Step; only Actions are read. Sizes must be exact, and the slices of a VecEnv
// stay the same: write into them.
type Buffers[A, O, R Number] struct {
	Actions      []A     // (environments, agents, action)
	Observations []O     // (environments, agents, observation)
	Rewards      []R     // (environments, agents)
	Terminations []uint8 // (environments): 1 where the rules ended the episode
	Truncations  []uint8 // (environments): 1 where the time limit was reached; both may be 1
}

// VecEnv is a batch of environments. Close it in the end.
type VecEnv[A, O, R Number] struct {
	Buffers[A, O, R]
	handle *C.marl_vec_env
	io     *C.marl_step_io
	pinned runtime.Pinner
}

// [vecenv]

// NewVecEnv makes numEnvs environments that start anew in the step that ends an episode. The buffers are pinned, so that
// C may see them, until Close.
func NewVecEnv[A, O, R Number](id string, numEnvs int, buffers Buffers[A, O, R]) (*VecEnv[A, O, R], error) {
	if err := CheckABI(); err != nil {
		return nil, err
	}
	name := C.CString(id)
	defer C.free(unsafe.Pointer(name))
	var handle *C.marl_vec_env
	var failure C.marl_error
	status := C.marl_vec_env_new(name, nil, C.size_t(numEnvs), 0, C.MARL_AUTORESET_SAME_STEP, &handle, &failure)
	if err := check(status, &failure); err != nil {
		return nil, err
	}
	env := &VecEnv[A, O, R]{Buffers: buffers, handle: handle}
	env.io = &C.marl_step_io{
		size:               C.sizeof_marl_step_io,
		actions:            pin(&env.pinned, env.Actions),
		actions_bytes:      sizeOf(env.Actions),
		actions_dtype:      dtypeOf[A](),
		observations:       pin(&env.pinned, env.Observations),
		observations_bytes: sizeOf(env.Observations),
		rewards:            pin(&env.pinned, env.Rewards),
		rewards_bytes:      sizeOf(env.Rewards),
		terminations:       (*C.uint8_t)(pin(&env.pinned, env.Terminations)),
		terminations_len:   C.size_t(len(env.Terminations)),
		truncations:        (*C.uint8_t)(pin(&env.pinned, env.Truncations)),
		truncations_len:    C.size_t(len(env.Truncations)),
	}
	return env, nil
}

// Step steps every environment once with Actions and fills the other buffers.
func (env *VecEnv[A, O, R]) Step() error {
	var failure C.marl_error
	return check(C.marl_vec_env_step(env.handle, env.io, &failure), &failure)
}

// [/vecenv]

// Reset starts new episodes, environment i seeded seed + i, and fills Observations.
func (env *VecEnv[A, O, R]) Reset(seed uint64) error {
	seeds := make([]C.uint64_t, int(C.marl_vec_env_num_envs(env.handle)))
	for i := range seeds {
		seeds[i] = C.uint64_t(seed + uint64(i))
	}
	var failure C.marl_error
	status := C.marl_vec_env_reset(env.handle, unsafe.SliceData(seeds), nil, nil, nil,
		env.io.observations, env.io.observations_bytes, &failure)
	return check(status, &failure)
}

// Close frees the batch. Closing twice is fine.
func (env *VecEnv[A, O, R]) Close() {
	C.marl_vec_env_free(env.handle)
	env.handle = nil
	env.pinned.Unpin()
}

// pin keeps the elements of a slice where they are and returns where that is.
func pin[T any](pinner *runtime.Pinner, numbers []T) unsafe.Pointer {
	if len(numbers) == 0 {
		return nil
	}
	pinner.Pin(unsafe.SliceData(numbers))
	return unsafe.Pointer(unsafe.SliceData(numbers))
}

func sizeOf[T any](numbers []T) C.size_t {
	return C.size_t(uintptr(len(numbers)) * unsafe.Sizeof(*new(T)))
}

// Market is one market with arrays of its own, which belong to the library and live until Close.
type Market struct {
	Bids, Quantities, Costs []float64 // to write
	Cleared, Rewards        []float64 // to read
	handle                  *C.marl_market
}

// NewMarket makes a market whose arrays are all zero.
func NewMarket(generators int) (*Market, error) {
	if err := CheckABI(); err != nil {
		return nil, err
	}
	var handle *C.marl_market
	var failure C.marl_error
	status := C.marl_market_new(C.size_t(generators), C.MARL_DTYPE_FLOAT64, nil, &handle, &failure)
	if err := check(status, &failure); err != nil {
		return nil, err
	}
	array := func(which C.int32_t) []float64 {
		return unsafe.Slice((*float64)(C.marl_market_data(handle, which)), generators)
	}
	return &Market{
		Bids:       array(C.MARL_MARKET_ARRAY_BIDS),
		Quantities: array(C.MARL_MARKET_ARRAY_QUANTITIES),
		Costs:      array(C.MARL_MARKET_ARRAY_COSTS),
		Cleared:    array(C.MARL_MARKET_ARRAY_CLEARED),
		Rewards:    array(C.MARL_MARKET_ARRAY_REWARDS),
		handle:     handle,
	}, nil
}

// Step clears the market, pays everybody and returns the price.
func (market *Market) Step(demand float64) (float64, error) {
	var failure C.marl_error
	price := C.marl_market_step(market.handle, C.double(demand), &failure)
	if price != price { // NaN, and only on an error
		return 0, check(failure.status, &failure)
	}
	return float64(price), nil
}

// Close frees the market and its arrays, which must not be touched any more. Closing twice is fine.
func (market *Market) Close() {
	C.marl_market_free(market.handle)
	*market = Market{}
}
