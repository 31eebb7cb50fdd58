#!/usr/bin/env bash
# Installs the command-line tools that the tests talk to the broker with, where they are missing and apt exists.
set -euo pipefail
declare -A package=([mosquitto_pub]=mosquitto-clients [mosquitto]=mosquitto [openssl]=openssl [curl]=curl)
missing=()
for tool in "${!package[@]}"; do
  # mosquitto lies in /usr/sbin, which is not on everybody's path.
  command -v "$tool" >/dev/null || [ -x "/usr/sbin/$tool" ] || missing+=("${package[$tool]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "tests need: ${missing[*]}. Please install them; this machine has no apt." >&2
  exit 2
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# Installing mosquitto must not start a broker on 1883.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
