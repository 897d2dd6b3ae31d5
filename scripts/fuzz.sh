#!/usr/bin/env bash
# Runs fuzz targets, all of them if none is named, each for so many seconds, and prints what they did. The exit code is 1
# if one has found a fault: a panic, a signal, 20 seconds for one input, or more than 512 MiB resident.
#
#     scripts/fuzz.sh SECONDS [TARGET...]
#     scripts/fuzz.sh build
#
# It needs cargo-fuzz (cargo install cargo-fuzz --locked), a C++ compiler and a stable toolchain, and no sanitizer, since
# there is no unsafe code here to sanitise. Inputs that fail are left in fuzz/artifacts. What else is new goes into the
# build folder, so that the next run goes on from there; the corpora of the repository are read and not changed. With
# FUZZ_SEED=N chance takes the same way each time, as far as the time allows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"

seconds=${1:-}
if [[ ! $seconds =~ ^([1-9][0-9]*|build)$ ]]; then
    sed -n '2,6s/^# \?//p' "../scripts/${0##*/}" >&2
    exit 2
fi
shift
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-stable}
export CARGO_INCREMENTAL=0
known=$(cargo fuzz list)
for target in "$@"; do
    if ! grep -qxF -- "$target" <<<"$known"; then
        echo "error: there is no target $target; the targets are" $known >&2
        exit 2
    fi
done
(($#)) || set -- $known

# With counters of coverage the kernels take minutes to compile for every instruction set; those of older machines are
# left out, and the corpora replayed on them by cargo test.
if [[ -z ${RUSTFLAGS:-} ]] && grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
    export RUSTFLAGS=-Ctarget-cpu=x86-64-v3
fi
build=(--sanitizer none --codegen-units 8)
# What was found counts also if this is ended before its time.
faulty=0
trap 'echo "ended before its time"; exit "$faulty"' TERM
cargo fuzz build "${build[@]}"
[[ $seconds != build ]] || exit 0
built=${CARGO_TARGET_DIR:-$PWD/target}

printf '%-16s %12s %8s %9s %7s %8s  %s\n' target executions per_s features corpus rss_mb fault
run() { # target
    local target=$1 found=$built/corpus/$1 log=$built/corpus/$1.log fault=-
    mkdir -p "$found"
    local options=(-max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=512 -print_final_stats=1)
    [[ -z ${FUZZ_SEED:-} ]] || options+=(-seed="$FUZZ_SEED")
    [[ -e $target.dict ]] && options+=(-dict="$target.dict")
    if ! cargo fuzz run "${build[@]}" "$target" "$found" "corpus/$target" -- "${options[@]}" >"$log" 2>&1; then
        fault=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        fault=${fault:-see $log}
    fi
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -1; }
    number() { grep -oE "$1: [0-9]+" "$log" | tail -1 | grep -oE '[0-9]+$' || true; }
    local executions rate rss features corpus
    executions=$(stat number_of_executed_units)
    rate=$(stat average_exec_per_sec)
    rss=$(stat peak_rss_mb)
    features=$(number ft)
    corpus=$(number corp)
    printf '%-16s %12s %8s %9s %7s %8s  %s\n' \
        "$target" "${executions:-0}" "${rate:--}" "${features:--}" "${corpus:--}" "${rss:--}" "$fault"
    [[ $fault == - ]]
}

# As many at once as there are cores.
free=$(nproc)
for target in "$@"; do
    if ((free == 0)); then
        wait -n || faulty=1
        free=$((free + 1))
    fi
    run "$target" &
    free=$((free - 1))
done
for ((running = $(nproc) - free; running > 0; running--)); do
    wait -n || faulty=1
done
exit "$faulty"
