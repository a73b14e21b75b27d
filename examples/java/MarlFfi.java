import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * marl_ffi called through its C ABI, on 64-bit systems. What each function does is told in marl_ffi.h.
 *
 * <p>The library is looked for under the name that {@code make install} gives it, or where MARL_FFI_LIBRARY says.
 */
@SuppressWarnings("restricted") // to call C is what this class is for
final class MarlFfi {
    private MarlFfi() {}

    private static final int ABI_VERSION = 1;
    private static final int AUTORESET_SAME_STEP = 1;
    private static final int DTYPE_FLOAT64 = 1;

    /** The number of the status "unknown_id", of the errors that programs look at. */
    static final int UNKNOWN_ID = 200;

    // [library]
    /** Says which input was wrong, where, what was expected and what was got. */
    static final class MarlException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        /** The number of the kind. */
        final int status;

        MarlException(int status, String message) {
            super(message);
            this.status = status;
        }

        /** The kind in lower case. */
        String reason() {
            MemorySegment name = call(() -> (MemorySegment) STATUS_NAME.invokeExact(status));
            return name.reinterpret(Long.MAX_VALUE).getString(0);
        }
    }

    private static final MemoryLayout ERROR =
            MemoryLayout.structLayout(
                    JAVA_INT.withName("status"), MemoryLayout.sequenceLayout(508, JAVA_BYTE).withName("message"));

    private static final MemoryLayout STEP_IO =
            MemoryLayout.structLayout(
                    JAVA_LONG.withName("size"),
                    ADDRESS.withName("actions"), JAVA_LONG.withName("actions_bytes"),
                    JAVA_INT.withName("actions_dtype"), JAVA_INT.withName("reserved"),
                    ADDRESS.withName("observations"), JAVA_LONG.withName("observations_bytes"),
                    ADDRESS.withName("rewards"), JAVA_LONG.withName("rewards_bytes"),
                    ADDRESS.withName("terminations"), JAVA_LONG.withName("terminations_len"),
                    ADDRESS.withName("truncations"), JAVA_LONG.withName("truncations_len"),
                    ADDRESS.withName("final_observations"), JAVA_LONG.withName("final_observations_bytes"),
                    ADDRESS.withName("final_mask"), JAVA_LONG.withName("final_mask_len"),
                    ADDRESS.withName("episode_returns"), JAVA_LONG.withName("episode_returns_len"),
                    ADDRESS.withName("episode_lengths"), JAVA_LONG.withName("episode_lengths_len"),
                    ADDRESS.withName("infos"), JAVA_LONG.withName("infos_bytes"),
                    ADDRESS.withName("actions_out"), JAVA_LONG.withName("actions_out_bytes"));

    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup(libraryName(), Arena.global());

    private static final MethodHandle ABI = function("marl_abi_version", JAVA_INT);
    private static final MethodHandle STATUS_NAME = function("marl_status_name", ADDRESS, JAVA_INT);
    private static final MethodHandle VEC_ENV_NEW =
            function("marl_vec_env_new", JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle VEC_ENV_RESET =
            function("marl_vec_env_reset", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG,
                    ADDRESS);
    private static final MethodHandle VEC_ENV_STEP = function("marl_vec_env_step", JAVA_INT, ADDRESS, ADDRESS, ADDRESS);
    private static final MethodHandle VEC_ENV_FREE = function("marl_vec_env_free", null, ADDRESS);
    private static final MethodHandle MARKET_NEW =
            function("marl_market_new", JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, ADDRESS);
    private static final MethodHandle MARKET_DATA = function("marl_market_data", ADDRESS, ADDRESS, JAVA_INT);
    private static final MethodHandle MARKET_STEP =
            function("marl_market_step", JAVA_DOUBLE, ADDRESS, JAVA_DOUBLE, ADDRESS);
    private static final MethodHandle MARKET_FREE = function("marl_market_free", null, ADDRESS);

    static {
        int spoken = call(() -> (int) ABI.invokeExact());
        if (spoken != ABI_VERSION) {
            throw new UnsatisfiedLinkError("the library speaks ABI " + spoken + ", this program " + ABI_VERSION);
        }
    }

    private static String libraryName() {
        String named = System.getenv("MARL_FFI_LIBRARY");
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        if (named != null) return named;
        if (system.contains("mac")) return "libmarl_ffi.1.dylib";
        return system.contains("windows") ? "marl_ffi.dll" : "libmarl_ffi.so.1";
    }

    private static MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
        FunctionDescriptor type =
                result == null ? FunctionDescriptor.ofVoid(arguments) : FunctionDescriptor.of(result, arguments);
        MemorySegment address =
                LIBRARY.find(name).orElseThrow(() -> new UnsatisfiedLinkError("the library has no " + name));
        return Linker.nativeLinker().downcallHandle(address, type);
    }

    private interface Native<T> {
        T call() throws Throwable;
    }

    /** Calls C. Nothing that this could throw is an error of the library: those come as statuses. */
    private static <T> T call(Native<T> function) {
        try {
            return function.call();
        } catch (Throwable thrown) {
            throw new AssertionError(thrown);
        }
    }

    /** Throws what went wrong, if anything did. */
    private static void check(int status, MemorySegment error) {
        if (status != 0) {
            throw new MarlException(status, error.getString(4));
        }
    }
    // [/library]

    // [vecenv]
    /** A batch of environments that start anew in the step that ends an episode. Its arrays live as long. */
    static final class VecEnv implements AutoCloseable {
        final MemorySegment actions, observations, rewards, terminations, truncations;
        final int numEnvs;

        private final Arena arena = Arena.ofConfined();
        private final MemorySegment error = arena.allocate(ERROR), io = arena.allocate(STEP_IO), handle;

        /**
         * Makes {@code numEnvs} environments of that id.
         *
         * @param actionType layout of one number of an action; the same for observations and rewards
         * @param actionSize numbers in the actions of one environment, agents times action; the same for the others
         */
        VecEnv(String id, int numEnvs, ValueLayout actionType, long actionSize, ValueLayout observationType,
                long observationSize, ValueLayout rewardType, long rewardSize) {
            MemorySegment name = arena.allocateFrom(id), config = MemorySegment.NULL, out = arena.allocate(ADDRESS);
            int status = call(() -> (int) VEC_ENV_NEW.invokeExact(
                    name, config, (long) numEnvs, 0L, AUTORESET_SAME_STEP, out, error));
            try {
                check(status, error);
            } catch (MarlException refusal) {
                arena.close();
                throw refusal;
            }
            this.handle = out.get(ADDRESS, 0);
            this.numEnvs = numEnvs;
            this.actions = array("actions", "_bytes", actionType, numEnvs * actionSize);
            this.observations = array("observations", "_bytes", observationType, numEnvs * observationSize);
            this.rewards = array("rewards", "_bytes", rewardType, numEnvs * rewardSize);
            this.terminations = array("terminations", "_len", JAVA_BYTE, numEnvs);
            this.truncations = array("truncations", "_len", JAVA_BYTE, numEnvs);
            io.set(JAVA_LONG, offset("size"), STEP_IO.byteSize());
            io.set(JAVA_INT, offset("actions_dtype"), dtype(actionType));
        }

        /** Starts new episodes, environment i seeded {@code seed + i}. */
        void reset(long seed) {
            try (Arena call = Arena.ofConfined()) {
                MemorySegment seeds = call.allocate(JAVA_LONG, numEnvs), none = MemorySegment.NULL;
                for (int i = 0; i < numEnvs; i++) seeds.setAtIndex(JAVA_LONG, i, seed + i);
                check(call(() -> (int) VEC_ENV_RESET.invokeExact(
                        handle, seeds, none, none, none, observations, observations.byteSize(), error)), error);
            }
        }

        /** Steps every environment once with {@code actions} and fills the other arrays. */
        void step() {
            check(call(() -> (int) VEC_ENV_STEP.invokeExact(handle, io, error)), error);
        }

        /** Frees the batch and its arrays. Closing twice is fine. */
        @Override
        public void close() {
            if (arena.scope().isAlive()) {
                call(() -> {
                    VEC_ENV_FREE.invokeExact(handle);
                    return null;
                });
                arena.close();
            }
        }

        /** An array, and its place in the struct of buffers. Of bytes, their number is that of elements. */
        private MemorySegment array(String name, String unit, ValueLayout type, long elements) {
            MemorySegment array = arena.allocate(type, elements);
            io.set(ADDRESS, offset(name), array);
            io.set(JAVA_LONG, offset(name + unit), array.byteSize());
            return array;
        }

        private static long offset(String field) {
            return STEP_IO.byteOffset(MemoryLayout.PathElement.groupElement(field));
        }

        private static int dtype(ValueLayout type) {
            if (type.equals(JAVA_FLOAT)) return 0;
            if (type.equals(JAVA_DOUBLE)) return 1;
            if (type.equals(JAVA_INT)) return 2;
            if (type.equals(JAVA_LONG)) return 3;
            throw new IllegalArgumentException("actions: expected float, double, int or long, got " + type);
        }
    }
    // [/vecenv]

    /** One market of 64-bit numbers, whose arrays belong to the library and live until it is closed. */
    static final class Market implements AutoCloseable {
        /** To write. */
        final MemorySegment bids, quantities, costs;

        /** To read. */
        final MemorySegment cleared, rewards;

        private final Arena arena = Arena.ofConfined();
        private final MemorySegment error = arena.allocate(ERROR), handle;

        Market(int generators) {
            MemorySegment out = arena.allocate(ADDRESS);
            MemorySegment params = MemorySegment.NULL;
            int status = call(() -> (int) MARKET_NEW.invokeExact((long) generators, DTYPE_FLOAT64, params, out, error));
            try {
                check(status, error);
            } catch (MarlException refusal) {
                arena.close();
                throw refusal;
            }
            this.handle = out.get(ADDRESS, 0);
            this.bids = array(0, generators);
            this.quantities = array(1, generators);
            this.costs = array(2, generators);
            this.cleared = array(3, generators);
            this.rewards = array(4, generators);
        }

        /** Clears the market, pays everybody and returns the price. */
        double step(double demand) {
            double price = call(() -> (double) MARKET_STEP.invokeExact(handle, demand, error));
            if (Double.isNaN(price)) check(error.get(JAVA_INT, 0), error); // NaN on an error, and only then
            return price;
        }

        /** Frees the market. Its arrays cannot be touched any more. Closing twice is fine. */
        @Override
        public void close() {
            if (arena.scope().isAlive()) {
                arena.close();
                call(() -> {
                    MARKET_FREE.invokeExact(handle);
                    return null;
                });
            }
        }

        private MemorySegment array(int which, long elements) {
            MemorySegment array = call(() -> (MemorySegment) MARKET_DATA.invokeExact(handle, which));
            return array.reinterpret(elements * JAVA_DOUBLE.byteSize(), arena, null);
        }
    }
}
