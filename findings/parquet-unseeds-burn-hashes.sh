#!/usr/bin/env bash
# The crate parquet 60.1.0 makes hashes of burn-std 0.22.1 that are called stable another number in every process.
#
# burn-std hashes with ahash::AHasher::default(), whose keys are constants unless ahash's feature runtime-rng is on;
# parquet turns that feature on, and Cargo unifies features over a build. CommunicationId::from, documented as a stable
# hash of a set of devices and meant for processes that work together, then differs from process to process: a
# dependency that only writes files changes what another crate computes, without a line of code that names both.
#
# Seen with burn-std 0.22.1, parquet 60.1.0 and ahash 0.8.12, default features off, on rustc 1.95: two processes of the
# program without parquet print one number, two of the program with it print two.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export CARGO_TARGET_DIR="$place/target"
numbers() { # numbers NAME DEPENDENCIES
    mkdir -p "$place/$1/src"
    printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n[dependencies]\n%s' \
        "$1" 'burn-std = { version = "=0.22.1", default-features = false, features = ["std"] }' >"$place/$1/Cargo.toml"
    printf '\n%s\n' "$2" >>"$place/$1/Cargo.toml"
    cat >"$place/$1/src/main.rs" <<'RUST'
use burn_std::{CommunicationId, device::DeviceId};

fn main() {
    let devices = vec![DeviceId { type_id: 0, index_id: 0 }, DeviceId { type_id: 0, index_id: 1 }];
    println!("{}", CommunicationId::from(devices).id);
}
RUST
    cargo build --quiet --manifest-path "$place/$1/Cargo.toml"
    for _ in 1 2; do "$CARGO_TARGET_DIR/debug/$1"; done
}
mapfile -t alone < <(numbers alone "")
mapfile -t beside < <(numbers beside 'parquet = { version = "=60.1.0", default-features = false }')
echo "burn-std alone, two processes:  ${alone[*]}"
echo "parquet beside it, two processes: ${beside[*]}"
[ "${#alone[@]}" = 2 ] && [ "${#beside[@]}" = 2 ]
[ "${alone[0]}" = "${alone[1]}" ] && [ "${beside[0]}" != "${beside[1]}" ]
