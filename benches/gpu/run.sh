#!/usr/bin/env bash
# Checks, times and trains on this machine's GPU; README.md says what is needed and what comes out.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
out=${OUT:-gpu-results}
state=${STATE:-${out%/}-state}
stages="check start step contrast train"
options=()

usage() {
    cat <<'END'
usage: run.sh [--small] [--seconds N] [--only "STAGE ..."] [--state-tar FILE]
              [--data DIR] [--device NAME] [--torch-device cpu|cuda] [--seed N]

  --small            small sizes on a software Vulkan, to prove the script
  --seconds N        let everything end within N seconds; the next call goes on
  --only "STAGE ..." of check, start, step, contrast and train, in this order
  --state-tar FILE   go on from an earlier call's state.tar
  --data DIR         folder of cifar10-lt.pack and tiny-imagenet-lt.pack, whole or in pieces

OUT: folder of results [gpu-results]. STATE: folder of runs [beside it]. PYTHON: one with PyTorch [python3].
END
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --small) options+=(--small) ;;
            --seconds) options+=(--deadline $(($(date +%s) + $2))); shift ;;
            --only) stages=$2; shift ;;
            --state-tar) options+=(--carried-state "$2"); shift ;;
            --data | --device | --torch-device | --seed) options+=("$1" "$2"); shift ;;
            *) usage; exit 2 ;;
        esac
        shift
    done
}

stage() {
    printf '\n== %s\n' "$1"
    "$python" "$here/bench.py" "$1" --out "$out" --state "$state" ${options[@]+"${options[@]}"}
}

all() {
    local failed=0 name
    stage prepare
    trap 'stage keep' EXIT
    for name in $stages; do
        stage "$name" || failed=1
        if [ "$name" = check ] && [ $failed = 1 ]; then
            echo "the checks did not pass: nothing is timed"
            return 1
        fi
    done
    return $failed
}

parse "$@"
mkdir -p "$out" "$state"
export PYTHONUNBUFFERED=1
(all) 2>&1 | tee -a "$out/log.txt"
