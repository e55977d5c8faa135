#!/usr/bin/env bash
# Compares tessera with llama.cpp's own multimodal program on the same synthetic files, both in turn, and prints ratios of medians.
#   benchmarks/compare.sh PATH/TO/llama-mtmd-cli [ROUNDS [PART OF A TITLE]]
# Needs the .NET SDK, and some 4 GB in ${TESSERA_MODELS:-/tmp/tessera-models} for the models that it makes. The machine should be idle.
set -euo pipefail
peer=$(realpath "${1:?the path of a llama-mtmd-cli}")
rounds=${2:-5}
only=${3:-}
threads=$(nproc)
models=${TESSERA_MODELS:-/tmp/tessera-models}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet publish src/Cli -c Release --use-current-runtime --self-contained -p:PublishReadyToRun=true -o "$work/tessera" -v q >&2

median() { sort -n | awk '{ value[NR] = $1 } END { print (NR % 2) ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

# A field of "tessera bench --json": the median of one measurement.
field() { grep -o "{\"what\":\"$1\",\"unit\":\"$2\",\"median\":[0-9.]*" | grep -o '[0-9.]*$' | head -n 1; }

ours() { # shape size f16 type -> "encode first memory load"
  local json
  json=$("$work/tessera/tessera" bench --json --synthetic "$1" --folder "$models" --size "$2" ${3:+--vision-f16} --vision-type "$4" --repeats 1 --warm-ups 1 --max-tokens 2 --context 4096)
  echo "$(echo "$json" | field encode ms) $(echo "$json" | field 'first token' ms) $(echo "$json" | field 'peak memory' MB) $(echo "$json" | field load ms)"
}

theirs() { # shape size f16 -> "encode first memory load"
  local projector=$models/$1-mmproj-$([ -n "$3" ] && echo F16 || echo Q8_0).gguf log=$work/peer.log
  [ -f "$work/$2.ppm" ] || { printf 'P6\n%d %d\n255\n' "${2%x*}" "${2#*x}"; head -c $((${2%x*} * ${2#*x} * 3)) /dev/urandom; } > "$work/$2.ppm"
  /usr/bin/time -f 'peak %M' "$peer" -m "$models/$1-Q8_0.gguf" --mmproj "$projector" --image "$work/$2.ppm" -p "Describe the picture." \
    -n 1 --temp 0 -t "$threads" -c 4096 --chat-template vicuna --no-warmup --verbosity 4 > "$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
  # Its "prompt eval time" is all from the first chunk to the first token, encoding included. Lines begin with minutes.seconds.ms.us.
  awk 'function ms(at, part) { split(at, part, "."); return part[1] * 60000 + part[2] * 1000 + part[3] + part[4] / 1000 }
       /load_backend/ && !begun { begun = ms($1) } /main: loading model/ { load = ms($1) - begun }
       /encoding done in|slice encoded in/ { for (i = 1; i <= NF; i++) if ($i == "in") encode += $(i + 1) }
       /prompt eval time/ { for (i = 1; i <= NF; i++) if ($i == "=") { first = $(i + 1); break } }
       /^peak / { peak = $2 * 1.024 / 1000 } END { print encode, first, peak, load }' "$log"
}

compare() { # title shape size f16 type
  [[ $1 == *"$only"* ]] || return 0
  for ((round = 0; round < rounds; round++)); do
    ours "$2" "$3" "$4" "$5" >> "$work/$2$3$4.ours"
    theirs "$2" "$3" "$4" >> "$work/$2$3$4.theirs"
  done
  for column in 1:encode:ms 2:"first token":ms 3:"peak memory":MB 4:load:ms; do
    IFS=: read -r number what unit <<< "$column"
    a=$(cut -d' ' -f"$number" "$work/$2$3$4.ours" | median); b=$(cut -d' ' -f"$number" "$work/$2$3$4.theirs" | median)
    awk -v t="$1" -v w="$what" -v u="$unit" -v a="$a" -v b="$b" 'BEGIN { printf "| %s | %s | %.0f %s | %.0f %s | %.2f |\n", t, w, a, u, b, u, b / a }'
  done
}

echo "| work | what | tessera | llama-mtmd-cli | ratio |"
echo "|---|---|---:|---:|---:|"
compare "ViT-L/14-336, F16 file, --vision-type auto" llava-1.5-1b 336x336 f16 auto
compare "ViT-L/14-336, Q8_0 file" llava-1.5-1b 336x336 "" file
compare "MiniCPM-V 2.6 tower, one slice, Q8_0 file" minicpm-v-1b 448x448 "" file
compare "MiniCPM-V 2.6 tower, 10 slices, Q8_0 file" minicpm-v-1b 1344x1344 "" file # takes llama.cpp minutes
compare "LLaVA-NeXT, 5 tiles, Q8_0 file, 1B language model" llava-next-1b 672x672 "" file
