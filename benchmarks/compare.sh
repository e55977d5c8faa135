#!/usr/bin/env bash
# Compares tessera with llama.cpp's own programs on the same synthetic files, both in turn, and prints ratios of medians.
#   benchmarks/compare.sh PATH/TO/llama-mtmd-cli [ROUNDS [PART OF A TITLE]]
# llama-bench and the libraries libggml-cpu-*.so lie beside llama-mtmd-cli. Needs the .NET SDK, and some 5 GB in
# ${TESSERA_MODELS:-/tmp/tessera-models} for the models that it makes. The machine should be idle.
set -euo pipefail
peer=$(dirname "$(realpath "${1:?the path of a llama-mtmd-cli}")")
rounds=${2:-5}
only=${3:-}
threads=$(nproc)
models=${TESSERA_MODELS:-/tmp/tessera-models}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${TESSERA:-}" ]; then
  dotnet publish src/Cli -c Release --use-current-runtime --self-contained -p:PublishReadyToRun=true -o "$work/tessera" -v q >&2
  TESSERA=$work/tessera/tessera
fi

# With AVX2 only: the runtime's own switch, which the kernels heed too, and of llama.cpp's libraries the one for Haswell.
narrow=$work/avx2
mkdir "$narrow"
cp "$peer"/llama-mtmd-cli "$peer"/llama-bench "$peer"/libggml-cpu-haswell.so "$narrow"

median() { sort -n | awk '{ value[NR] = $1 } END { print (NR % 2) ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

# A field of "tessera bench --json": the median of one measurement.
field() { grep -o "{\"what\":\"$1\",\"unit\":\"$2\",\"median\":[0-9.]*" | grep -o '[0-9.]*$' | head -n 1; }

tessera() { if [ -n "$avx2" ]; then DOTNET_EnableAVX512=0 "$TESSERA" "$@"; else "$TESSERA" "$@"; fi; }

program() { if [ -n "$avx2" ]; then echo "$narrow/$1"; else echo "$peer/$1"; fi; }

ours() { # shape size f16 type -> "encode first memory load"
  local json
  json=$(tessera bench --json --synthetic "$1" --folder "$models" --size "$2" ${3:+--vision-f16} --vision-type "$4" --repeats 1 --warm-ups 1 --max-tokens 2 --context 4096)
  echo "$(echo "$json" | field encode ms) $(echo "$json" | field 'first token' ms) $(echo "$json" | field 'peak memory' MB) $(echo "$json" | field load ms)"
}

theirs() { # shape size f16 -> "encode first memory load"
  local projector=$models/$1-mmproj-$([ -n "$3" ] && echo F16 || echo Q8_0).gguf log=$work/peer.log
  [ -f "$work/$2.ppm" ] || { printf 'P6\n%d %d\n255\n' "${2%x*}" "${2#*x}"; head -c $((${2%x*} * ${2#*x} * 3)) /dev/urandom; } > "$work/$2.ppm"
  /usr/bin/time -f 'peak %M' "$(program llama-mtmd-cli)" -m "$models/$1-Q8_0.gguf" --mmproj "$projector" --image "$work/$2.ppm" -p "Describe the picture." \
    -n 1 --temp 0 -t "$threads" -c 4096 --chat-template vicuna --no-warmup --verbosity 4 > "$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
  # Its "prompt eval time" is all from the first chunk to the first token, encoding included. Lines begin with minutes.seconds.ms.us.
  awk 'function ms(at, part) { split(at, part, "."); return part[1] * 60000 + part[2] * 1000 + part[3] + part[4] / 1000 }
       /load_backend/ && !begun { begun = ms($1) } /main: loading model/ { load = ms($1) - begun }
       /encoding done in|slice encoded in/ { for (i = 1; i <= NF; i++) if ($i == "in") encode += $(i + 1) }
       /prompt eval time/ { for (i = 1; i <= NF; i++) if ($i == "=") { first = $(i + 1); break } }
       /^peak / { peak = $2 * 1.024 / 1000 } END { print encode, first, peak, load }' "$log"
}

row() { # title what unit column higher -> a line of the table
  local a b
  a=$(cut -d' ' -f"$4" "$work/ours" | median); b=$(cut -d' ' -f"$4" "$work/theirs" | median)
  awk -v t="$1" -v w="$2" -v u="$3" -v a="$a" -v b="$b" -v higher="$5" \
    'BEGIN { printf "| %s | %s | %.*f %s | %.*f %s | %.2f |\n", t, w, higher, a, u, higher, b, u, higher ? a / b : b / a }'
}

wanted() { [[ $1 == *"$only"* ]] && rm -f "$work/ours" "$work/theirs"; }

compare() { # title shape size f16 type [avx2]
  wanted "$1" || return 0
  avx2=${6:-}
  for ((round = 0; round < rounds; round++)); do
    ours "$2" "$3" "$4" "$5" >> "$work/ours"
    theirs "$2" "$3" "$4" >> "$work/theirs"
  done
  row "$1" encode ms 1 0; row "$1" "first token" ms 2 0; row "$1" "peak memory" MB 3 0; row "$1" load ms 4 0
}

rate() { grep -o '"avg_ts": *[0-9.]*' | grep -o '[0-9.]*$'; }

# Prefill of a picture's prompt and decoding behind it, against llama-bench's as many tokens and the same depth.
language() { # title shape size type tokens [avx2]
  wanted "$1" || return 0
  avx2=${6:-}
  local model=$models/$2-$4.gguf json bench
  [ -f "$models/$2-Q8_0.gguf" ] || ours "$2" "$3" "" file > "$work/made"
  [ -f "$model" ] || "$TESSERA" quantize "$models/$2-Q8_0.gguf" "$4" --out "$model" >&2
  bench=$(program llama-bench)
  for ((round = 0; round < rounds; round++)); do
    json=$(tessera bench --json -m "$model" --mmproj "$models/$2-mmproj-Q8_0.gguf" --size "$3" --image-cache "$work/cache" --repeats 1 --warm-ups 1 --max-tokens 32 --context 4096)
    echo "$(echo "$json" | field prefill tokens/s) $(echo "$json" | field decode tokens/s)" >> "$work/ours"
    echo "$("$bench" -m "$model" -t "$threads" -fa 1 -p "$5" -n 0 -r 1 -o json 2> "$work/peer.log" | rate)" \
      "$("$bench" -m "$model" -t "$threads" -fa 1 -p 0 -n 32 -d "$5" -r 1 -o json 2> "$work/peer.log" | rate)" >> "$work/theirs"
  done
  row "$1" prefill tokens/s 1 1; row "$1" decode tokens/s 2 1
}

echo "| work | what | tessera | llama.cpp | ratio |"
echo "|---|---|---:|---:|---:|"
for level in "" avx2; do
  name=${level:+, AVX2}
  compare "ViT-L/14-336, F16 file, --vision-type auto$name" llava-1.5-1b 336x336 f16 auto "$level"
  compare "ViT-L/14-336, F16 file$name" llava-1.5-1b 336x336 f16 file "$level"
  compare "ViT-L/14-336, Q8_0 file$name" llava-1.5-1b 336x336 "" file "$level"
  language "600 tokens, 1B Q8_0$name" llava-1.5-1b 336x336 Q8_0 600 "$level"
  language "600 tokens, 1B Q4_K_M$name" llava-1.5-1b 336x336 Q4_K_M 600 "$level"
  language "2,900 tokens, 1B Q8_0$name" llava-next-1b 672x672 Q8_0 2900 "$level"
  language "2,900 tokens, 1B Q4_K_M$name" llava-next-1b 672x672 Q4_K_M 2900 "$level"
  compare "MiniCPM-V 2.6 tower, one slice, Q8_0 file$name" minicpm-v-1b 448x448 "" file "$level"
done
compare "MiniCPM-V 2.6 tower, 10 slices, Q8_0 file" minicpm-v-1b 1344x1344 "" file # takes llama.cpp minutes
compare "LLaVA-NeXT, 5 tiles, Q8_0 file, 1B language model" llava-next-1b 672x672 "" file
