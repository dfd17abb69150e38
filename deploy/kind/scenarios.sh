#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The three scenarios of the case study against the echo application, whose Service has ADDRESS:
#
#   deploy/kind/scenarios.sh ADDRESS
#
# 1 requests are spread evenly over the pods; 2 a pod that becomes unready, and one that is deleted, get no requests and no
# request is lost; 3 many connections at once (ab). Ends with 1 at the first promise that is not kept.
#
# Requests come from another machine of the network: CLIENT is put before each of its commands, empty for this machine.
# CONTEXT is the context of kubectl, if it is not the current one; REQUESTS (300) the number of requests that are counted.
set -eu

address=${1:?expected the address of the Service echo-app, e.g. scenarios.sh 172.18.255.205}
client=${CLIENT-docker run --rm --network kind fairlead-kind-client:dev}
context=${CONTEXT:-}
replicas=3
requests=${REQUESTS:-300}
url="http://$address"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

in_cluster() { kubectl ${context:+--context "$context"} "$@"; }
say() { printf '%s\n' "$*"; }
fail() {
  say "NOT OK: $*" >&2
  exit 1
}
# Unquoted on purpose: CLIENT is a command with its arguments.
# shellcheck disable=SC2086
on_client() { $client "$@"; }

# The pod of each of so many answers, a line each; requests without an answer are lines "lost".
ask() {
  # The client's shell is to expand this, not ours.
  # shellcheck disable=SC2016
  on_client sh -c '
    n=0
    while [ "$n" -lt "$2" ]; do
      n=$((n + 1))
      curl -sf -m 5 "$1/ip" || echo lost
    done' ask "$url" "$1" | sed 's/.*"pod": *"\([^"]*\)".*/\1/'
}

# "COUNT POD" for each pod of the lines read.
count() { sort | uniq -c | awk '{ print $1, $2 }'; }

# "COUNT POD" lines on standard input: every pod has at least half of its share, and nothing is lost.
judge() {
  awk -v pods="$1" -v total="$2" '
    { say = say "  " $1 " " $2 "\n"; seen++; if ($2 == "lost") lost = $1; if ($1 * pods * 2 < total) few = $2 }
    END {
      printf "%s", say
      if (lost) { print "  " lost " requests were lost"; exit 1 }
      if (seen != pods) { print "  " seen + 0 " pods answered, expected " pods; exit 1 }
      if (few) { print "  " few " got less than half of its share"; exit 1 }
    }'
}

# Waits until the pod $1 has had none of 30 requests in a row, for half a minute at most.
until_left_out() {
  tries=0
  while ask 30 | grep -qx "$1"; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || fail "$1 is still asked"
  done
}

# Waits until $1 pods are ready.
until_ready() {
  in_cluster wait --for=jsonpath='{.status.readyReplicas}'="$1" --timeout=120s deployment/echo-app-deployment
}

say "== 1. $requests requests, each on a new connection"
ask "$requests" | count | judge "$replicas" "$requests" || fail "the requests are not spread over $replicas pods"

say "== 2. A pod that does not want requests any more"
pod=$(on_client curl -sf -m 5 -X POST "$url/unready" | cut -d ' ' -f 1)
[ -n "$pod" ] || fail "no answer to POST $url/unready"
say "$pod fails its readiness probe from now on"
in_cluster wait --for=condition=Ready=false --timeout=60s "pod/$pod"
until_left_out "$pod"
ask "$requests" | count | judge $((replicas - 1)) "$requests" || fail "the other pods did not carry on"
say "$pod is deleted, and replaced"
in_cluster delete pod "$pod" --wait=false
until_ready "$replicas"
tries=0
until ask "$requests" | count >"$work/counts" && judge "$replicas" "$requests" <"$work/counts" >"$work/judged"; do
  # The new pod is ready before every node knows of it; a lost request counts at once.
  tries=$((tries + 1))
  if grep -q ' lost$' "$work/counts" || [ "$tries" -ge 30 ]; then
    cat "$work/judged"
    fail "the new pod is not asked, or requests were lost"
  fi
done
cat "$work/judged"

say "== 3. 3000 requests, 50 at once"
# -l: answers differ in length with the names of nodes. -v 2 shows the header that names the pod.
on_client ab -q -l -n 3000 -c 50 -v 2 "$url/" >"$work/ab" || {
  tail -n 30 "$work/ab"
  fail "ab gave up"
}
grep -E '^(Complete requests|Failed requests|Requests per second|Non-2xx responses):' "$work/ab"
failed=$(awk '/^(Failed requests|Non-2xx responses):/ { sum += $NF } END { print sum + 0 }' "$work/ab")
[ "$failed" -eq 0 ] || fail "$failed requests failed"
sed -n 's/^X-Pod: *\([^[:space:]]*\).*/\1/p' "$work/ab" | count | judge "$replicas" 3000 ||
  fail "the load is not spread over $replicas pods"
say "All three scenarios are as they should be."
