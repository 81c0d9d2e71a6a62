#!/usr/bin/env bash
# Trains the same images out of lists, tar shards and Parquet files, all left on disk, and compares the weights.
# usage: same_bits.sh SET SHARDS OUT LONGTAIL [OPTION…]
#   SET, SHARDS   what shards.py has read, and its OUT;  OPTION…   of `longtail train`, for all three
# What has been trained is not trained again, and what was stopped goes on.
set -euo pipefail
[ $# -ge 4 ] || { sed -n 2,6p "$0"; exit 2; }
set_folder=$1 shards=$2 out=$3 longtail=$4
shift 4
mkdir -p "$out"

train() { # NAME OPTION…
    local run=$out/$1
    shift
    [ ! -s "$run/summary.json" ] || return 0
    [ ! -d "$run/checkpoints" ] || set -- --resume
    "$longtail" train "$@" --out "$run" >>"$run.out" 2>&1
}
lists=$set_folder/lists
train lists --train-list "$lists/train.txt" --val-list "$lists/val.txt" --test-list "$lists/test.txt" \
    --data-dir "$set_folder" --storage disk "$@"
train tar --data "$shards/tar" --storage disk "$@"
train parquet --data "$shards/parquet" --storage disk --cache "$out/unpacked" "$@"

# Behind the header, which has the names of the classes: a list's folders, but numbers in shards.
tensors() {
    local file=$out/$1/checkpoints/weights-last.safetensors
    tail -c +$(($(od -An -tu8 -N8 "$file") + 9)) "$file" | sha256sum | cut -d ' ' -f 1
}
sums=$(for run in lists tar parquet; do tensors $run; done)
echo "$sums"
[ "$(sort -u <<<"$sums" | wc -l)" = 1 ]
