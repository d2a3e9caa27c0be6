#!/usr/bin/env bash
# Makes two video sets in Drive&Act's format, one whose views fail independently of each other and one with equal, always clean
# views; trains models/video.mome's tiny preset, each view alone, and a uniform gate; compares them on subjects never seen.
# Usage: demo.sh BIN_DIR (see ./dev demo video). Everything lands in runs/video; data in data/video.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$1
out=${MOME_DEMO_OUT:-runs/video}
data=data/video
seeds=${MOME_DEMO_SEEDS:-3}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

rm -rf "$out"
mkdir -p "$out" "$data"
say "compiling"
momec() { "$bin/momec" --preset=tiny "$@"; }
momec models/video.mome -o "$out/mome.mpk"
momec models/video.mome -D gate_block=uniform_gate -o "$out/uniform.mpk"
momec models/video.mome -D gate_block=permuted_gate -o "$out/permuted.mpk"
momec models/video_single.mome -o "$out/single.mpk"

train() { # train SET MODEL SEED PACKAGE [flags...]: a run and its predictions for the test part
  local set=$1 model=$2 seed=$3 package=$4
  shift 4
  local run="$out/runs/$set-$model.$seed"
  "$bin/mome" train "$out/$package.mpk" --data "$data/$set" --out "$run" --seed "$seed" \
    --no-tensorboard -q "$@"
  "$bin/mome" eval "$run" --data "$data/$set" --part test --dump --out "$out/$set/$model.$seed" > /dev/null
}

for set in gate control; do
  if [ ! -f "$data/$set/prepared.json" ]; then
    say "making the set '$set'"
    flags=()
    [ "$set" = control ] && flags=(--control)
    rm -rf "$data/$set.raw"
    "$bin/mome" data synth "$data/$set.raw" "${flags[@]}"
    "$bin/mome" data prepare "$data/$set.raw" "$data/$set" --short-side 40 --gop 2
  fi
  cp "$data/$set/synth.csv" "$out/$set.csv"
  for ((seed = 0; seed < seeds; seed++)); do
    say "training on '$set', seed $seed"
    train "$set" mome "$seed" mome --set beta=0.1
    train "$set" uniform "$seed" uniform --set beta=0.1
    for view in rgb ir depth; do
      train "$set" "$view" "$seed" single --data-section "$view"
    done
    # The trained gate again, but every sample gets the votes of its neighbour.
    "$bin/mome" eval "$out/runs/$set-mome.$seed" --package "$out/permuted.mpk" --allow-change package --data "$data/$set" \
      --part test --dump --out "$out/$set/permuted.$seed" > /dev/null
  done
done
say "subjects never seen in training"
/usr/bin/python3 models/video/report.py "$out" gate control
