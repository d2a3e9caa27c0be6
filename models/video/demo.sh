#!/usr/bin/env bash
# Makes two video sets in Drive&Act's format, one whose views fail independently of each other and one with equal, always clean
# views; trains models/video.mome's tiny preset, each view alone, and a uniform gate; compares them on subjects never seen, each
# with its last weights. One training per processor. Usage: demo.sh BIN_DIR (see ./dev demo video). Everything lands in
# runs/video; data in data/video.
set -euo pipefail
cd "$(dirname "$0")/../.."
export bin=$1
export out=${MOME_DEMO_OUT:-runs/video}
export data=data/video
seeds=${MOME_DEMO_SEEDS:-3}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

evaluate() { # evaluate SET NAME RUN [flags...]: predictions for the test part
  local set=$1 name=$2 run=$3
  shift 3
  "$bin/mome" eval "$run" --latest --data "$data/$set" --part test --dump --out "$out/$set/$name" --threads 1 "$@" > /dev/null
}

train() { # train SET MODEL SEED
  local set=$1 model=$2 seed=$3
  local run="$out/runs/$set-$model.$seed" begin=$SECONDS
  local -A flags=([mome]="mome.mpk --set beta=0.1" [uniform]="uniform.mpk --set beta=0.1" [rgb]="single.mpk --data-section rgb"
    [ir]="single.mpk --data-section ir" [depth]="single.mpk --data-section depth")
  # shellcheck disable=SC2086
  "$bin/mome" train "$out"/${flags[$model]} --data "$data/$set" --out "$run" --seed "$seed" --threads 1 --no-tensorboard -q
  evaluate "$set" "$model.$seed" "$run"
  if [ "$model" = mome ]; then # the trained gate again, but every sample gets the votes of its neighbour
    evaluate "$set" "permuted.$seed" "$run" --package "$out/permuted.mpk" --allow-change package
  fi
  echo "trained $model on '$set', seed $seed, in $((SECONDS - begin)) s"
}
export -f train evaluate

rm -rf "$out"
mkdir -p "$out" "$data"
say "compiling"
momec() { "$bin/momec" --preset=tiny "$@"; }
momec models/video.mome -o "$out/mome.mpk"
momec models/video.mome -D gate_block=uniform_gate -o "$out/uniform.mpk"
momec models/video.mome -D gate_block=permuted_gate -o "$out/permuted.mpk"
momec models/video_single.mome -o "$out/single.mpk"

for set in gate control; do
  if [ ! -f "$data/$set/prepared.json" ]; then
    say "making the set '$set'"
    flags=()
    [ "$set" = control ] && flags=(--control)
    rm -rf "$data/$set.raw"
    "$bin/mome" data synth "$data/$set.raw" "${flags[@]}"
    "$bin/mome" data prepare "$data/$set.raw" "$data/$set" --short-side 40 --gop 1
  fi
  cp "$data/$set/synth.csv" "$out/$set.csv"
done

say "training"
for set in gate control; do
  for ((seed = 0; seed < seeds; seed++)); do
    models="mome uniform rgb ir depth"
    [ "$set" = control ] && models="mome uniform rgb" # its views are alike: one stands for all
    for model in $models; do
      echo "$set $model $seed"
    done
  done
done | xargs -P "$(nproc)" -L 1 bash -euo pipefail -c 'train "$@"' train

say "subjects never seen in training"
/usr/bin/python3 models/video/report.py "$out" gate control
