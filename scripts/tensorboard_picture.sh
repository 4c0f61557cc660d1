#!/usr/bin/env bash
# Screenshot of TensorBoard's page over a folder of runs, with headless Chromium.
#   scripts/tensorboard_picture.sh runs/world docs/images/tensorboard.png
set -euo pipefail
runs=${1:?folder of runs} out=${2:?PNG to write}
tags='train%2Floss%7Cpsnr%24%7Cclip_score%7Csamples%2Fa%20(green%20block%7Cpenguin)'
profile=$(mktemp -d)
tensorboard --logdir "$runs" --port 6123 --load_fast=false >"$profile/log" 2>&1 &
trap 'kill $! 2>/dev/null; rm -rf "$profile"' EXIT
until curl -sf http://127.0.0.1:6123/ >/dev/null; do sleep 1; done
chromium --headless --no-sandbox --enable-unsafe-swiftshader --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync \
  --user-data-dir="$profile/chromium" --window-size=1500,1300 --virtual-time-budget=90000 \
  --screenshot="$out" "http://127.0.0.1:6123/?darkMode=false&tagFilter=$tags#timeseries" >>"$profile/log" 2>&1
