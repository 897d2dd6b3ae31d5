#!/usr/bin/env bash
# Fetches the backend tests of ONNX 1.22.0 into target/onnx-1.22:
#
#     node  simple  pytorch-operator  pytorch-converted    as published
#     light                                                as ordinary case folders
#
# CARGO_TARGET_DIR is used in place of target/ when it is set. Needs python3 with pip.
# Does nothing when the tests are already there.
set -euo pipefail

version=1.22.0
node_cases=1765
light_cases=9

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$scripts/../target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
dest=$target/onnx-1.22

count() { # folders named test_* that hold a model
    find "$1" -mindepth 2 -maxdepth 2 -path '*/test_*/model.onnx' | wc -l | tr -d '[:space:]'
}

complete() {
    local kind
    for kind in node simple light pytorch-operator pytorch-converted; do
        [[ -d $1/$kind ]] || return 1
    done
    [[ $(count "$1/node") == "$node_cases" && $(count "$1/light") == "$light_cases" ]]
}

report() {
    echo "$dest: $(count "$dest/node") node cases"
}

if complete "$dest"; then
    report
    exit
fi

# Everything is prepared in a folder beside the final one, which a rename then puts in place.
work=$(mktemp -d "$target/onnx-1.22.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

download() {
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --dest "$work" "$@" "onnx==$version"
}

# Only the data in the wheel is wanted, so where there is none for this Python or platform,
# that of another does.
if ! download; then
    echo "onnx-tests: no wheel for this Python or platform; trying that for Linux on x86-64" >&2
    download --platform manylinux_2_28_x86_64 --python-version 3.12 \
        --implementation cp --abi abi3
fi

python3 -m zipfile -e "$work"/onnx-*.whl "$work/wheel"
data=$work/wheel/onnx/backend/test/data
mkdir "$work/tests"
for kind in node simple pytorch-operator pytorch-converted; do
    mv "$data/$kind" "$work/tests/"
done
python3 "$scripts/light_cases.py" "$data" "$work/tests/light"

if ! complete "$work/tests"; then
    echo "onnx-tests: the wheel does not hold the tests expected of ONNX $version" >&2
    exit 1
fi
rm -rf "$dest"
mv "$work/tests" "$dest"
report
