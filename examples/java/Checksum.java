import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
 *
 * <p>Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by
 * bit. The rules are told once, in ../checksum.py.
 */
final class Checksum {
    private static final int POLES = 1000, STEPS = 200, POLE_SEED = 42;
    private static final int GENERATORS = 5, HOURS = 240, DAY_SEED = 7;

    private long value = 0xcbf29ce484222325L;

    /** Takes numbers of {@code size} bytes into the FNV-1a, the lowest byte of each first on any machine. */
    private void add(MemorySegment numbers, int size) {
        boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
        for (long k = 0; k < numbers.byteSize(); k++) {
            long place = little ? k : k - k % size + (size - 1 - k % size);
            value = (value ^ (numbers.get(JAVA_BYTE, place) & 0xff)) * 0x100000001b3L;
        }
    }

    // [errors]
    private static void showARefusal() {
        try (var env = poles("CartPole-v2")) {
            System.out.println("a CartPole that this program does not know, of " + env.numEnvs + " poles");
        } catch (MarlFfi.MarlException refusal) {
            if (refusal.status != MarlFfi.UNKNOWN_ID) throw refusal;
            System.out.printf("refused: %s (%d): %s%n", refusal.reason(), refusal.status, refusal.getMessage());
        }
    }
    // [/errors]

    private static MarlFfi.VecEnv poles(String id) {
        return new MarlFfi.VecEnv(id, POLES, JAVA_LONG, 1, JAVA_FLOAT, 4, JAVA_DOUBLE, 1);
    }

    // [cartpole]
    private int cartpole() {
        int ended = 0;
        try (var env = poles("CartPole-v1")) {
            env.reset(POLE_SEED);
            add(env.observations, Float.BYTES);
            for (int step = 0; step < STEPS; step++) {
                for (int e = 0; e < POLES; e++) {
                    env.actions.setAtIndex(JAVA_LONG, e, (3 * step + e) % 7 % 2);
                }
                env.step();
                add(env.observations, Float.BYTES);
                add(env.rewards, Double.BYTES);
                for (int e = 0; e < POLES; e++) {
                    ended += env.terminations.get(JAVA_BYTE, e) | env.truncations.get(JAVA_BYTE, e);
                }
            }
        }
        return ended;
    }
    // [/cartpole]

    private int market() {
        int ended = 0;
        try (var env = new MarlFfi.VecEnv("ElectricityMarket-v0", 1,
                JAVA_FLOAT, 2 * GENERATORS, JAVA_FLOAT, 4 * GENERATORS, JAVA_FLOAT, GENERATORS)) {
            env.reset(DAY_SEED);
            add(env.observations, Float.BYTES);
            for (int hour = 0; hour < HOURS; hour++) {
                for (int k = 0; k < GENERATORS; k++) {
                    float withheld = (hour + k) % 3 / 4f, markup = ((2 * hour + 3 * k) % 9 - 4) / 2f;
                    env.actions.setAtIndex(JAVA_FLOAT, 2 * k, withheld);
                    env.actions.setAtIndex(JAVA_FLOAT, 2 * k + 1, markup);
                }
                env.step();
                add(env.observations, Float.BYTES);
                add(env.rewards, Float.BYTES);
                ended += env.terminations.get(JAVA_BYTE, 0);
            }
        }
        return ended;
    }

    // [auctions]
    private double auctions() {
        double total = 0;
        try (var auction = new MarlFfi.Market(GENERATORS)) {
            for (int k = 0; k < GENERATORS; k++) {
                auction.costs.setAtIndex(JAVA_DOUBLE, k, 20 + 5 * k);
                auction.quantities.setAtIndex(JAVA_DOUBLE, k, 30);
            }
            for (int hour = 0; hour < HOURS; hour++) {
                for (int k = 0; k < GENERATORS; k++) {
                    auction.bids.setAtIndex(JAVA_DOUBLE, k, 20 + 5 * k + (hour + 2 * k) % 5);
                }
                double price = auction.step(60 + (7 * hour) % 80);
                add(MemorySegment.ofArray(new double[] {price}), Double.BYTES);
                add(auction.cleared, Double.BYTES);
                add(auction.rewards, Double.BYTES);
                total += price;
            }
        }
        return total / HOURS;
    }
    // [/auctions]

    public static void main(String[] arguments) {
        Checksum checksum = new Checksum();
        showARefusal();
        System.out.printf("CartPole-v1: %d poles, %d steps, %d episodes ended%n", POLES, STEPS, checksum.cartpole());
        System.out.printf("ElectricityMarket-v0: %d generators, %d hours, %d days ended%n", GENERATORS, HOURS,
                checksum.market());
        System.out.printf(Locale.ROOT, "marl_market: %d auctions, mean price %.6f%n", HOURS, checksum.auctions());
        System.out.printf("checksum: %016x%n", checksum.value);
    }
}
