// A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
//
// Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by bit.
// The rules are told once, in ../checksum.py.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"log"

	"example.com/checksum/marlffi"
)

const (
	poles, steps, poleSeed     = 1000, 200, 42
	generators, hours, daySeed = 5, 240, 7
)

// add takes numbers into the checksum, the lowest byte of each first. A hash never fails.
func add(checksum hash.Hash64, numbers ...any) {
	for _, each := range numbers {
		if err := binary.Write(checksum, binary.LittleEndian, each); err != nil {
			panic(err)
		}
	}
}

// [errors]
func showARefusal() error {
	env, err := marlffi.NewVecEnv("CartPole-v2", poles, marlffi.Buffers[int64, float32, float64]{})
	var refusal *marlffi.Error
	if errors.As(err, &refusal) && refusal.Status == marlffi.UnknownID {
		fmt.Println("refused:", refusal)
		return nil
	}
	if err == nil {
		env.Close()
	}
	return err
}

// [/errors]

// [cartpole]
func cartpole(checksum hash.Hash64) (ended int, err error) {
	env, err := marlffi.NewVecEnv("CartPole-v1", poles, marlffi.Buffers[int64, float32, float64]{
		Actions:      make([]int64, poles),
		Observations: make([]float32, poles*4),
		Rewards:      make([]float64, poles),
		Terminations: make([]uint8, poles),
		Truncations:  make([]uint8, poles),
	})
	if err != nil {
		return 0, err
	}
	defer env.Close()
	if err := env.Reset(poleSeed); err != nil {
		return 0, err
	}
	add(checksum, env.Observations)
	for step := 0; step < steps; step++ {
		for e := range env.Actions {
			env.Actions[e] = int64((3*step + e) % 7 % 2)
		}
		if err := env.Step(); err != nil {
			return 0, err
		}
		add(checksum, env.Observations, env.Rewards)
		for e := range env.Terminations {
			ended += int(env.Terminations[e] | env.Truncations[e])
		}
	}
	return ended, nil
}

// [/cartpole]

func market(checksum hash.Hash64) (ended int, err error) {
	env, err := marlffi.NewVecEnv("ElectricityMarket-v0", 1, marlffi.Buffers[float32, float32, float32]{
		Actions:      make([]float32, generators*2),
		Observations: make([]float32, generators*4),
		Rewards:      make([]float32, generators),
		Terminations: make([]uint8, 1),
		Truncations:  make([]uint8, 1),
	})
	if err != nil {
		return 0, err
	}
	defer env.Close()
	if err := env.Reset(daySeed); err != nil {
		return 0, err
	}
	add(checksum, env.Observations)
	for hour := 0; hour < hours; hour++ {
		for k := 0; k < generators; k++ {
			env.Actions[2*k] = float32((hour+k)%3) / 4         // the fraction withheld
			env.Actions[2*k+1] = float32((2*hour+3*k)%9-4) / 2 // the markup on the cost
		}
		if err := env.Step(); err != nil {
			return 0, err
		}
		add(checksum, env.Observations, env.Rewards)
		ended += int(env.Terminations[0])
	}
	return ended, nil
}

// [auctions]
func auctions(checksum hash.Hash64) (mean float64, err error) {
	auction, err := marlffi.NewMarket(generators)
	if err != nil {
		return 0, err
	}
	defer auction.Close()
	for k := range auction.Costs {
		auction.Costs[k] = float64(20 + 5*k)
		auction.Quantities[k] = 30
	}
	total := 0.0
	for hour := 0; hour < hours; hour++ {
		for k := range auction.Bids {
			auction.Bids[k] = float64(20 + 5*k + (hour+2*k)%5)
		}
		price, err := auction.Step(float64(60 + (7*hour)%80))
		if err != nil {
			return 0, err
		}
		add(checksum, price, auction.Cleared, auction.Rewards)
		total += price
	}
	return total / hours, nil
}

// [/auctions]

func run() error {
	checksum := fnv.New64a()
	if err := showARefusal(); err != nil {
		return err
	}
	episodes, err := cartpole(checksum)
	if err != nil {
		return err
	}
	fmt.Printf("CartPole-v1: %d poles, %d steps, %d episodes ended\n", poles, steps, episodes)
	days, err := market(checksum)
	if err != nil {
		return err
	}
	fmt.Printf("ElectricityMarket-v0: %d generators, %d hours, %d days ended\n", generators, hours, days)
	mean, err := auctions(checksum)
	if err != nil {
		return err
	}
	fmt.Printf("marl_market: %d auctions, mean price %.6f\n", hours, mean)
	fmt.Printf("checksum: %016x\n", checksum.Sum64())
	return nil
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
