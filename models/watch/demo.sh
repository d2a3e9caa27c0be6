#!/usr/bin/env bash
# Compiles models/watch.mome, trains it on the smart-watch recordings, evaluates it on subjects never seen in training, and
# compares it with each sensor alone. Everything lands in runs/demo. Usage: demo.sh BIN_DIR (see ./dev demo)
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$1
out=${MOME_DEMO_OUT:-runs/demo}
data=data/watch
wheel=seglearn-1.2.5-py3-none-any.whl
sha256=ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd
epochs=${MOME_DEMO_EPOCHS:-8}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

if [ ! -f "$data/index.csv" ]; then
  say "fetching the recordings (PyPI seglearn 1.2.5, 11 MB)"
  mkdir -p "$data"
  if (cd "$data" && python3 -m pip download --quiet --no-deps seglearn==1.2.5 && echo "$sha256  $wheel" | sha256sum --check --quiet); then
    /usr/bin/python3 models/watch/convert.py "$data/$wheel" "$data"
  else
    say "PyPI is out of reach: simulated recordings instead. Figures below say nothing about real ones."
    /usr/bin/python3 models/watch/convert.py --generate "$data"
  fi
fi

rm -rf "$out"
mkdir -p "$out"
say "compiling"
"$bin/momec" models/watch.mome -o "$out/watch.mpk"
"$bin/momec" models/watch_single.mome -D sensor=acc -o "$out/acc.mpk"
"$bin/momec" models/watch_single.mome -D sensor=gyro -o "$out/gyro.mpk"
for name in watch acc gyro; do
  say "training $name"
  "$bin/mome" train "$out/$name.mpk" --data "$data" --out "$out/$name" --set "train.epochs=$epochs" --log-every 100
  "$bin/mome" eval "$out/$name" --data "$data" --part test --json > "$out/$name.json"
done
for sensor in acc gyro; do
  "$bin/mome" eval "$out/watch" --data "$data" --part test --zero "$sensor" --json > "$out/watch-zero-$sensor.json"
done
say "subjects never seen in training"
python3 models/watch/report.py "$out"
