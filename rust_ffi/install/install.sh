#!/bin/sh
# Puts the built library where C programs look for it, or takes it away again: `make install`, `make uninstall`.
#
#   install.sh install|uninstall
#
# From the environment: PREFIX, LIBDIR, INCLUDEDIR (absolute, as programs will see them), DESTDIR (a staging directory
# in front of them, or empty), BUILT (where libmarl_ffi.a is), VERSION and ABI_VERSION; CC, STRIP and RUSTC as usual.
set -eu
here=$(dirname "$0")
root=$here/../..

refuse() {
    echo "make install: $1" >&2
    exit 1
}

case $PREFIX$LIBDIR$INCLUDEDIR in *[[:space:]\|]*) refuse "PREFIX, LIBDIR and INCLUDEDIR must hold no blank and no |" ;; esac
for directory in "$PREFIX" "$LIBDIR" "$INCLUDEDIR"; do
    case $directory in /*) ;; *) refuse "expected an absolute directory, got '$directory'" ;; esac
done

lib=${DESTDIR:-}$LIBDIR
include=${DESTDIR:-}$INCLUDEDIR
case $(uname -s) in
    Darwin) shared=libmarl_ffi.$ABI_VERSION.dylib link=libmarl_ffi.dylib ;;
    *) shared=libmarl_ffi.so.$ABI_VERSION link=libmarl_ffi.so ;;
esac

# The shared library is linked from the static one, so that both hold the same code. Cargo's own has no soname, must
# not have one (it goes into the wheel, under another name), and cannot be given one afterwards.
link_shared() {
    natives=$1 target=$2
    if [ "${shared%.dylib}" != "$shared" ]; then
        # shellcheck disable=SC2086
        ${CC:-cc} -dynamiclib -o "$target" -Wl,-install_name,"$LIBDIR/$shared" -Wl,-exported_symbol,'_marl_*' \
            -Wl,-force_load,"$BUILT/libmarl_ffi.a" -Wl,-dead_strip $natives
    else
        # shellcheck disable=SC2086
        ${CC:-cc} -shared -o "$target" -Wl,-soname,"$shared" -Wl,--version-script,"$here/exports.map" \
            -Wl,--whole-archive "$BUILT/libmarl_ffi.a" -Wl,--no-whole-archive \
            -Wl,--gc-sections -Wl,-O1 -Wl,-z,relro,-z,now,-z,defs $natives
    fi
    ${STRIP:-strip} -S "$target"
}

# A template with its marks filled in; the second argument names the libraries for Libs.private.
filled() {
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@LIBDIR@|$LIBDIR|g" -e "s|@INCLUDEDIR@|$INCLUDEDIR|g" -e "s|@SHARED@|$shared|g" \
        -e "s|@VERSION@|$VERSION|g" -e "s|@ABI_VERSION@|$ABI_VERSION|g" -e "s|@NATIVES@|$2|g" \
        -e "s|@NATIVES_CMAKE@|$(echo "$2" | tr ' ' ';')|" "$here/$1"
}

install_all() {
    # Told on the occasion of making a library, which is thrown away.
    scratch=$(mktemp -d)
    natives=$(${RUSTC:-rustc} --print native-static-libs --crate-type staticlib --out-dir "$scratch" - 2>&1 </dev/null |
        sed -n 's/^note: native-static-libs: //p')
    rm -rf "$scratch"
    [ -n "$natives" ] || refuse "rustc does not tell which libraries a static library needs"
    # A program that takes the static library needs these; its compiler adds the C library and the unwinder itself.
    private=$(echo "$natives" | tr ' ' '\n' | grep -v -x -e '-lgcc_s' -e '-lc' -e '-lSystem' | tr '\n' ' ' | sed 's/ *$//')

    mkdir -p "$include" "$lib/pkgconfig" "$lib/cmake/marl_ffi"
    cp "$root/include/marl_ffi.h" "$root/include/marl_ffi.hpp" "$include"
    # Removed first: a program that runs keeps the file that it has mapped.
    rm -f "$lib/$shared" "$lib/libmarl_ffi.a"
    link_shared "$natives" "$lib/$shared"
    ln -sf "$shared" "$lib/$link"
    cp "$BUILT/libmarl_ffi.a" "$lib"
    ${STRIP:-strip} -S "$lib/libmarl_ffi.a"
    filled marl_ffi.pc.in "$private" >"$lib/pkgconfig/marl_ffi.pc"
    for file in marl_ffi-config.cmake marl_ffi-config-version.cmake; do
        filled "$file.in" "$private" >"$lib/cmake/marl_ffi/$file"
    done
    chmod 644 "$include/marl_ffi.h" "$include/marl_ffi.hpp" "$lib/libmarl_ffi.a" "$lib/pkgconfig/marl_ffi.pc" \
        "$lib/cmake/marl_ffi/"*.cmake
    chmod 755 "$lib/$shared"
}

uninstall_all() {
    rm -f "$include/marl_ffi.h" "$include/marl_ffi.hpp" "$lib/$shared" "$lib/$link" "$lib/libmarl_ffi.a" \
        "$lib/pkgconfig/marl_ffi.pc" "$lib/cmake/marl_ffi/marl_ffi-config.cmake" \
        "$lib/cmake/marl_ffi/marl_ffi-config-version.cmake"
    if [ -d "$lib/cmake/marl_ffi" ]; then rmdir "$lib/cmake/marl_ffi"; fi
}

case ${1:-} in
    install) install_all ;;
    uninstall) uninstall_all ;;
    *) refuse "expected 'install' or 'uninstall', got '${1:-}'" ;;
esac
