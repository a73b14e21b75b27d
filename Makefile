# `make help` lists the targets. Everything is installed into .venv and .tools; nothing outside of this directory.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
MANIFEST := rust_ffi/Cargo.toml
CBINDGEN_VERSION := 0.29.0
CBINDGEN ?= .tools/bin/cbindgen

# Where the demo finds real input; without any, it takes the example that the package ships.
DATA ?= $(firstword $(wildcard data ../shared/data))

# rustup finds its toolchains by HOME. Under another HOME they still lie beside the directory of the commands.
ifeq ($(shell cargo --version 2>/dev/null),)
  RUSTUP_BESIDE := $(wildcard $(dir $(shell command -v cargo))../../.rustup)
  ifneq ($(RUSTUP_BESIDE),)
    export RUSTUP_HOME := $(abspath $(RUSTUP_BESIDE))
  endif
endif

export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST_SOURCES := $(shell find rust_ffi/src -name '*.rs') $(MANIFEST) rust_ffi/Cargo.lock
BUILD_INPUTS := setup.py pyproject.toml include/marl_ffi.h $(RUST_SOURCES)

.PHONY: help demo test build-ahead test-rust test-python browser-test wasm fuzz asan races miri memcheck arm-std arm-lint arm-test header lint types bench wheel wheel-test asv-smoke asv-continuous asv-publish install uninstall examples-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.all ## clear a day of a real market, check it, draw it (DATA=directory with fleet and load)
	$(if $(DATA),MARL_FFI_DATA="$(DATA)") $(VENV)/bin/marl-ffi demo --output demo/

test: test-rust test-python ## all tests, Rust and Python

test-rust: ## tests of the Rust crate
	cargo test --locked --no-fail-fast --manifest-path $(MANIFEST)

build-ahead: $(CBINDGEN) ## what the checks need beside the package: the maker of the header, the tests of the crate
	cargo test --locked --no-run --quiet --manifest-path $(MANIFEST)

test-python: $(VENV)/.test ## tests of the package and of the C ABI, a process per core
	$(PY) -m pytest -n auto --dist worksteal

browser-test: $(VENV)/.test wasm ## open the pages in a browser (Chromium or Chrome on PATH, or MARL_FFI_BROWSER)
	$(PY) -m pytest -v -m browser tests/test_brigade_replay_page.py tests/test_browser_loader.py tests/test_browser_page.py

wasm: ## build the engine for browsers, and complete the page in examples/browser
	sh rust_ffi/wasm/build.sh

# What `docs/robustness.md` tells of: these want more than stable Rust, or more time than others have.
NIGHTLY ?= +nightly
FUZZ_TARGETS ?= brigade calls config market snapshots steps
FUZZ_SECONDS ?= 60

fuzz: ## attack the library, guided by coverage (cargo-fuzz and nightly Rust; FUZZ_SECONDS=60 per target)
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p rust_ffi/fuzz/target/corpus/$$target; \
	    (cd rust_ffi && cargo $(NIGHTLY) fuzz run $$target fuzz/target/corpus/$$target fuzz/corpus/$$target \
	        -- -max_total_time=$(FUZZ_SECONDS) -max_len=600) || exit 1; \
	done

HOST = $(shell rustc -vV | sed -n 's/^host: //p')

ASAN_CARGO = RUSTFLAGS="-Zsanitizer=address" cargo $(NIGHTLY)
ASAN_FLAGS = --locked --manifest-path $(MANIFEST) --target $(HOST) --target-dir rust_ffi/target/asan

asan: $(VENV)/.test ## AddressSanitizer in the library: the C programs, and variations of what fuzzing kept (nightly Rust; CASES=1000 per target)
	$(ASAN_CARGO) rustc $(ASAN_FLAGS) --lib --crate-type cdylib
	MARL_FFI_C_LIBRARY=rust_ffi/target/asan/$(HOST)/debug/libmarl_ffi.so $(PY) -m pytest -k sanitized tests/test_c_abi.py
	MARL_FFI_FUZZ_CASES=$(or $(CASES),1000) $(ASAN_CARGO) test $(ASAN_FLAGS) --test fuzz

races: ## the pool of threads and busy handles under ThreadSanitizer (nightly Rust with rust-src)
	RUSTFLAGS="-Zsanitizer=thread" cargo $(NIGHTLY) test --locked --manifest-path $(MANIFEST) -Zbuild-std \
	    --target $(HOST) --target-dir rust_ffi/target/races --test threads

miri: ## scalar paths, handles and threads in Miri, which sees undefined behaviour (nightly Rust with miri)
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-tree-borrows -Zmiri-permissive-provenance \
	    -Zmiri-env-set=MARL_FFI_SIMD=scalar" MARL_FFI_FUZZ_CASES=$(or $(CASES),4) \
	    cargo $(NIGHTLY) miri test --locked --manifest-path $(MANIFEST) --test threads --test fuzz

memcheck: $(VENV)/.test ## the C programs under Valgrind
	$(PY) -m pytest -v -m valgrind tests/test_c_abi_valgrind.py

# 64-bit Arm without an Arm machine: Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
ARM := aarch64-unknown-linux-gnu
ARM_CARGO = CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" cargo

arm-std: ## Rust's standard library for 64-bit Arm, by rustup
	rustup target add $(ARM)

arm-lint: arm-std ## compile for 64-bit Arm, without linking
	cargo clippy --locked --all-targets --target $(ARM) --manifest-path $(MANIFEST) -- -D warnings

arm-test: arm-std ## tests of the crate on an emulated 64-bit Arm, NEON included (a cross compiler and qemu-user)
	$(ARM_CARGO) test --locked --no-fail-fast --target $(ARM) --manifest-path $(MANIFEST)

header: $(CBINDGEN) ## make include/marl_ffi.h again
	$(CBINDGEN) --quiet --config rust_ffi/cbindgen.toml --output include/marl_ffi.h rust_ffi

lint: $(VENV)/.dev ## style of Rust and Python
	cargo fmt --check --manifest-path $(MANIFEST)
	cargo clippy --locked --all-targets --manifest-path $(MANIFEST) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --quiet --manifest-path $(MANIFEST)
	cargo fmt --check --manifest-path examples/plugins/rust/Cargo.toml
	cargo clippy --locked --target-dir rust_ffi/target --manifest-path examples/plugins/rust/Cargo.toml -- -D warnings
	$(PY) -m ruff check

types: $(VENV)/.dev ## static types of the package
	$(PY) -m mypy

bench: $(VENV)/.all ## race against numba and NumPy on this machine
	$(VENV)/bin/marl-ffi bench --all

wheel: $(PY) ## one wheel for every Python, in dist/
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .

wheel-test: $(VENV)/.test ## build one wheel and try it on every Python found here
	$(PY) -m pytest -v -m slow tests/test_wheel.py

asv-smoke: $(VENV)/.dev ## run every asv benchmark once (SMOKE='--bench PATTERN' for some)
	$(PY) benchmarks/run.py smoke $(SMOKE)

asv-continuous: $(VENV)/.dev ## build, measure and compare two commits (BASE=HEAD~1 HEAD=HEAD)
	$(PY) benchmarks/run.py continuous $(or $(BASE),HEAD~1) $(or $(HEAD),HEAD)

asv-publish: $(VENV)/.dev ## pages of all that `asv run` has measured, in html/
	$(PY) benchmarks/run.py publish

# What the C library is called and where it goes. DESTDIR stages the files for a package.
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
CARGO_PROFILE ?= release
# Built alone, the static library is optimised as a whole; a development build is the one that the tests have made.
CARGO_STATIC = $(if $(filter dev,$(CARGO_PROFILE)),build,rustc --lib --crate-type staticlib)
INSTALL = PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' DESTDIR='$(DESTDIR)' \
	BUILT='$(or $(CARGO_TARGET_DIR),rust_ffi/target)/$(if $(filter dev,$(CARGO_PROFILE)),debug,$(CARGO_PROFILE))' \
	VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' $(MANIFEST))" \
	ABI_VERSION="$$(sed -n 's/^\#define MARL_ABI_VERSION //p' include/marl_ffi.h)" sh rust_ffi/install/install.sh

install: ## headers, libraries, pkg-config and CMake files for C programs (PREFIX=/usr/local DESTDIR=)
	cargo $(CARGO_STATIC) --locked --profile $(CARGO_PROFILE) --manifest-path $(MANIFEST)
	@$(INSTALL) install

uninstall: ## take away what `make install` with the same PREFIX put there
	@$(INSTALL) uninstall

examples-test: $(VENV)/.test ## install for C, run the examples of all languages found here, compare ABIs
	$(PY) -m pytest -v -m examples

clean: ## remove what was built, .venv included
	rm -rf $(VENV) .tools build dist html demo .asv *.egg-info marl_ffi/_cdef.py marl_ffi/_native* rust_ffi/target
	rm -rf examples/browser/replay examples/browser/marl_ffi/marl_ffi.wasm
	find marl_ffi tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "marl_ffi needs Python >= 3.10; choose one with PYTHON=")'
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras: the package is built again only if what it is built from changed.
$(VENV)/.all $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: $(PY) $(BUILD_INPUTS)
	$(PY) -m pip install --quiet --editable '.[$*]'
	@touch $@

.tools/bin/cbindgen:
	cargo install cbindgen --version =$(CBINDGEN_VERSION) --locked --quiet --root .tools
