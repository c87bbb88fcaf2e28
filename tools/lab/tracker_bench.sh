#!/bin/bash
# usage: tracker_bench.sh ZTOR AQUATIC_BIN_DIR [RUNS] [SECONDS] ; WORKERS, TORRENTS, PEERS, CONNECT from the environment
set -eu
ztor=$1 bin=$2 runs=${3:-3} seconds=${4:-15} dir=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
"$bin/aquatic_udp" -p | sed -e "s/^socket_workers = .*/socket_workers = ${WORKERS:-1}/" \
  -e 's/^address = "0.0.0.0:3000"/address = "127.0.0.1:3000"/' >"$dir/server.toml"
"$bin/aquatic_udp_load_test" -p | sed -e "s/^duration = .*/duration = $((seconds + 5))/" \
  -e "s/^summarize_last = .*/summarize_last = $seconds/" -e 's/^extra_statistics = .*/extra_statistics = false/' \
  -e "s/^number_of_torrents = .*/number_of_torrents = ${TORRENTS:-20000}/" \
  -e "s/^number_of_peers = .*/number_of_peers = ${PEERS:-1000000}/" \
  -e "s/^weight_connect = .*/weight_connect = ${CONNECT:-1}/" >"$dir/tester.toml"
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
measure() { # NAME COMMAND...
  local name=$1 before after; shift
  "$@" >"$dir/$name.out" 2>&1 & server=$!
  until ss -Hlun 'sport = :3000' | grep -q .; do kill -0 $server; sleep 0.1; done
  before=$(ticks $server)
  "$bin/aquatic_udp_load_test" -c "$dir/tester.toml" >"$dir/tester.out" 2>&1
  after=$(ticks $server)
  rss=$(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$server/status")
  kill -TERM $server 2>/dev/null || true; wait $server 2>/dev/null || true; server=
  echo "$name: $(sed -n '/^# aquatic load test report/,/^Config/p' "$dir/tester.out" | grep responses | tr -s ' \n' ' ') peers per answer $(grep -oP 'Peers per announce response: \K.*' "$dir/tester.out" | tail -n 1); server CPU $(bc <<<"scale=2; ($after - $before) / $(getconf CLK_TCK)") s, RSS $rss MiB $(grep -o '[0-9]* bytes of memory per peer' "$dir/$name.out" || true)"
  sleep 1
}
for run in $(seq "$runs"); do
  measure aquatic "$bin/aquatic_udp" -c "$dir/server.toml"
  measure ztor "$ztor" tracker --bind 127.0.0.1 --http-port 0 --udp-port 3000 --workers "${WORKERS:-1}" \
    --max-torrents 4000000 --max-peers 4000000 --max-peers-per-host 1000000
done
