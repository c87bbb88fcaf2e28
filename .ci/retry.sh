# For what needs the network: other people's servers have bad moments. Sourced.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return
    echo "attempt $attempt failed: $*" >&2
    sleep $((5 * attempt))
  done
  return 1
}
