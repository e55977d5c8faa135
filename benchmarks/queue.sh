#!/usr/bin/env bash
# Throughput of a queue on this machine: one process, then 1 and 2 workers, then 3 in network namespaces of their own (as root).
#   benchmarks/queue.sh PATH/TO/tessera FOLDER-OF-PICTURES [ROUNDS]
# Needs nats-server; the namespaces need iproute2. All traffic stays on this machine.
set -euo pipefail
tessera=$(realpath "${1:?the path of tessera}")
pictures=$(realpath "${2:?a folder of pictures}")
rounds=${3:-3}
question=(--prompt "What colour is it? One word." --max-tokens 8)
work=$(mktemp -d)
server= workers=() spaces=()

finish() {
  for id in "${workers[@]}" $server; do kill "$id" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for space in "${spaces[@]}"; do ip netns delete "$space"; done
  [ ${#spaces[@]} = 0 ] || ip link delete tessera0
  rm -rf "$work"
}
trap finish EXIT

start_server() { nats-server -js -sd "$work/nats" -a "$1" -p 14333 > "$work/nats.log" 2>&1 & server=$!; sleep 1; }
stop_workers() { for id in "${workers[@]}"; do kill "$id" 2>/dev/null || true; done; wait "${workers[@]}" 2>/dev/null || true; workers=(); }
seconds() { grep -o '"seconds":[0-9.]*' | cut -d: -f2; }
annotate() { rm -f "$work/lines.jsonl"; "$tessera" annotate "$pictures" "${question[@]}" --out "$work/lines.jsonl" --json "$@" | seconds; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

report() { # title; seconds of each round on standard input
  median | awk -v t="$1" -v n="$(find "$pictures" -type f | wc -l)" '{ printf "| %s | %.1f s | %.1f per second |\n", t, $1, n / $1 }'
}

# Workers remember pictures that they have encoded, so each round has new ones.
queue_round() { # address, commands before each worker
  local url=nats://$1:14333; shift
  for before in "$@"; do $before "$tessera" work --queue "$url" > /dev/null 2>> "$work/workers.log" & workers+=($!); done
  sleep 3
  annotate --queue "$url"
  stop_workers
}

queue_measure() { # title, address, commands before each worker
  local title=$1; shift
  for ((round = 0; round < rounds; round++)); do queue_round "$@" >> "$work/seconds"; done
  report "$title" < "$work/seconds"; rm "$work/seconds"
}

echo "| $(find "$pictures" -type f | wc -l) pictures | time | throughput |"
echo "|---|---:|---:|"
for ((round = 0; round < rounds; round++)); do annotate; done | report "one process, no queue"
start_server 127.0.0.1
queue_measure "one worker" 127.0.0.1 ""
queue_measure "two workers" 127.0.0.1 "" ""
kill "$server"; wait "$server" 2>/dev/null || true; server=
if [ "$(id -u)" = 0 ] && command -v ip > /dev/null; then
  ip link add tessera0 type bridge && ip address add 10.77.0.1/24 dev tessera0 && ip link set tessera0 up
  for index in 1 2 3; do
    space=tessera-$index
    ip netns add "$space"; spaces+=("$space")
    ip link add "tv$index" type veth peer name eth0 netns "$space"
    ip link set "tv$index" master tessera0 up
    ip -n "$space" address add "10.77.0.1$index/24" dev eth0; ip -n "$space" link set eth0 up; ip -n "$space" link set lo up
  done
  start_server 10.77.0.1
  queue_measure "three workers in network namespaces" 10.77.0.1 "ip netns exec tessera-1" "ip netns exec tessera-2" "ip netns exec tessera-3"
fi
