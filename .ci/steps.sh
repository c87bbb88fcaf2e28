# Steps with their times, for .ci/run and .ci/full. Sourced from the root of the repository.

export CARGO_TERM_COLOR=never CARGO_NET_RETRY=5 DEBIAN_FRONTEND=noninteractive

timings=()
current=
begun=$SECONDS

report() {
  local status=$?
  [[ -z $current ]] || timings+=("$(printf '%5d s  %s  (did not pass)' $((SECONDS - begun)) "$current")")
  echo
  printf '%s\n' "${timings[@]}"
  printf '%5d s  in all\n' "$SECONDS"
  exit "$status"
}
trap report EXIT

step() {
  current=$1 begun=$SECONDS
  shift
  echo
  echo "== $current: $*"
  "$@"
  timings+=("$(printf '%5d s  %s' $((SECONDS - begun)) "$current")")
  current=
}

source .ci/retry.sh

# The checker of spelling, in a place of its own.
spelling() {
  python3 -m venv target/typos
  retry target/typos/bin/pip install --quiet --disable-pip-version-check typos==1.52.0
  target/typos/bin/typos
}

install_packages() {
  retry apt-get update -qq
  retry apt-get install -y -qq --no-install-recommends "$@"
}

# Tests of the modules of the web UI, which need no browser, and the check of the types in their comments.
web_tests() {
  command -v node >/dev/null || install_packages nodejs npm
  npm --prefix apps/web test
  retry npm --prefix tools/web ci --no-audit --no-fund
  tools/web/node_modules/.bin/tsc -p apps/web
}

# Flows of the web UI in real browsers, with a real daemon and real swarms. Takes the path of ztor.
browser_tests() {
  timeout 900 env "ZTOR=$(realpath "$1")" npm --prefix tools/web test
}
