#!/bin/sh
# Builds the engine for browsers and lays it and the view of replays beside the page that needs them.
#
# The target's standard library comes with rustup. Where rustup cannot get it, Debian's packages `rustc-web cargo-web
# rust-web-src lld` build it from source: `RUSTC_WEB=1 rust_ffi/wasm/build.sh`.
set -eu
cd "$(dirname "$0")/../.."
target=wasm32-unknown-unknown
built=rust_ffi/target/$target/wasm/marl_ffi.wasm
page=examples/browser

build() {
    cargo rustc --quiet --locked --manifest-path rust_ffi/Cargo.toml --profile wasm --target "$target" --lib --crate-type cdylib "$@"
}

if [ -n "${RUSTC_WEB:-}" ]; then
    PATH=/usr/bin:$PATH
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld build -Zbuild-std=std,panic_abort
elif [ -d "$(rustc --print target-libdir --target "$target")" ] || rustup target add "$target"; then
    build
else
    echo "$0: no standard library for $target. Either 'rustup target add $target', or with Debian's packages" \
        "'rustc-web cargo-web rust-web-src lld': RUSTC_WEB=1 $0" >&2
    exit 1
fi

mkdir -p "$page/replay"
cp "$built" "$page/marl_ffi/marl_ffi.wasm"
for part in view.html view.js theme.js page.css; do
    cp "marl_ffi/bucket_brigade/page/$part" "$page/replay/$part"
done
echo "$page/marl_ffi/marl_ffi.wasm: $(wc -c < "$built") bytes, $(gzip -9 -c "$built" | wc -c) compressed"
