#!/usr/bin/env bash
# Gathers what run.sh needs in the folder carry/ beside this script, to take along to a machine with a GPU.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
carry=$here/carry

if [ $# -lt 1 ]; then
    echo "usage: collect.sh BIN_DIR [PACK ...]     BIN_DIR: target/release, say; PACK: a file of data pack" >&2
    exit 2
fi

newest_test() {
    local file newest=
    for file in "$1"/deps/gpu-*; do
        if [ -x "$file" ] && [ -f "$file" ] && [[ $file != *.* ]] && [[ -z $newest || $file -nt $newest ]]; then
            newest=$file
        fi
    done
    [ -n "$newest" ] || { echo "$1/deps holds no test executable gpu-*" >&2; return 1; }
    echo "$newest"
}

programs() {
    local folder test
    folder=$(mktemp -d)
    test=$(newest_test "$1")
    cp "$1/longtail" "$1/examples/peer_step" "$1/examples/contrast_peer" "$folder"
    cp "$test" "$folder/gpu"
    strip "$folder"/*
    (cd "$folder" && ls -l -- *)
    # They have much in common, farther apart than xz looks back by itself.
    tar -C "$folder" -c contrast_peer gpu longtail peer_step |
        xz -T1 --x86 --lzma2=preset=4,dict=256MiB >"$carry/programs.tar.xz"
    rm -r "$folder"
}

scripts() {
    mkdir -p "$carry/benches/gpu" "$carry/benches/peers"
    cp "$here"/*.py "$here"/*.sh "$here/README.md" "$carry/benches/gpu"
    cp "$here"/../peers/*.py "$carry/benches/peers"
    cp -r "$root/recipes" "$carry"
}

origin() {
    echo "programs of $1, commit $(git -C "$root" rev-parse HEAD)"
    echo "$(git -C "$root" status --porcelain | wc -l) changed files"
}

packs() {
    local pack
    for pack in "$@"; do
        mkdir -p "$carry/data"
        cp "$pack"* "$carry/data"
    done
}

bin=$1
shift
rm -rf "$carry"
mkdir -p "$carry"
programs "$bin"
scripts
origin "$bin" >"$carry/built.txt"
packs "$@"
du -sh "$carry" "$carry"/*
