#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Picks addresses for LoadBalancer Services from a Docker network, and prints them as a range of the ConfigMap kubevip:
#
#   docker network inspect kind | deploy/kind/pick-range.sh [COUNT]
#
# The highest COUNT (50) addresses in a row of the network's first IPv4 subnet that nobody has; fewer where there are not
# that many. Docker gives addresses to containers from the low end. Left out are the network's own address, the broadcast
# address, the gateway, containers, and whatever else the network's description names.
set -eu

count=${1:-50}
case $count in
'' | *[!0-9]* | 0*)
  echo "pick-range.sh: COUNT is '$count', expected a whole number from 1 on" >&2
  exit 2
  ;;
esac

# One token for each string of the description; what is not an IPv4 address or subnet is passed over.
tr -c '0-9A-Za-z./:"\n' ' ' | awk -v wanted="$count" '
  function fail(text) {
    print "pick-range.sh: " text > "/dev/stderr"
    failed = 1
    exit 1
  }
  # The address as a number; -1 for anything else.
  function number(text, part, n, i, sum) {
    if (text !~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) return -1
    n = split(text, part, ".")
    sum = 0
    for (i = 1; i <= n; i++) {
      if (part[i] + 0 > 255) return -1
      sum = sum * 256 + part[i]
    }
    return sum
  }
  function address(value, text, i) {
    for (i = 0; i < 4; i++) {
      text = (value % 256) (i > 0 ? "." : "") text
      value = int(value / 256)
    }
    return text
  }
  {
    # Keys and values alternate; the key of a value is the word before it, also on the line above.
    gsub(/[" ]+:?[" ]*/, " ")
    words = split($0, word, " ")
    for (w = 1; w <= words; w++) {
      split(word[w], halves, "/")
      value = number(halves[1])
      if (value < 0) { key = tolower(word[w]); sub(/:$/, "", key); continue }
      if (key == "subnet") {
        if (first == "") { first = word[w]; base = value; bits = halves[2] }
      } else if (key != "iprange") named[++names] = value
    }
  }
  END {
    if (failed) exit 1
    if (first == "") fail("no IPv4 subnet in the input, expected the output of: docker network inspect kind")
    if (bits !~ /^[0-9]+$/ || bits + 0 > 30 || bits + 0 < 8)
      fail("the subnet is " first ", expected a prefix length from 8 to 30")
    size = 1
    for (n = bits; n < 32; n++) size *= 2
    base = base - base % size
    # By place in the subnet: large numbers are no keys that every awk keeps apart.
    for (n = 1; n <= names; n++) taken[named[n] - base] = 1
    last = 0; length_found = 0; run = 0
    # From above; the first run of the length wanted is taken, else the longest one.
    for (place = size - 2; place > 0; place--) {
      if (place in taken) { run = 0; continue }
      run++
      if (run > length_found) { length_found = run; last = place + run - 1 }
      if (run >= wanted) break
      # A large network is not searched to its end for an odd gap.
      if (size - place > 1048576) break
    }
    if (length_found == 0) fail("every address of " first " is taken")
    print address(base + last - length_found + 1) "-" address(base + last)
  }
'
