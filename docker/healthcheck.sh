#!/usr/bin/env bash
# Healthy: this node answers, and sees a stable cluster of all its nodes.
# Asks over the info protocol, so that nothing but bash is needed.
set -euo pipefail

request="cluster-stable:size=${CLUSTER_SIZE:-3}"
exec 3<>"/dev/tcp/127.0.0.1/${SERVICE_PORT:-3000}"
# Version 2, type 1, and the length of the text in six bytes.
printf '\x02\x01\x00\x00\x00\x00\x00%b%s\n' "\\x$(printf '%02x' $((${#request} + 1)))" "$request" >&3
# The answer repeats the request; then a tab and the cluster's key, or an error.
answer=$(head -c 8 <&3 >/dev/null && timeout 2 head -n 1 <&3)
echo "$answer"
[[ $answer =~ $'\t'[0-9A-F]+$ ]]
