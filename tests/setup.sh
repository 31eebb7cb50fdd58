#!/usr/bin/env bash
# Installs what the tests talk to the broker with, where it is missing: clients and peers from apt, Azurite, MQTT.js and axe-core from npm (tests/npm).
set -euo pipefail
cd "$(dirname "$0")"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

missing=()
need() { # need <package> <path or command>...: the package is wanted unless one of them exists
  local package=$1 found; shift
  for found in "$@"; do
    if command -v "$found" >/dev/null || compgen -G "$found" >/dev/null; then return; fi
  done
  missing+=("$package")
}
need mosquitto-clients mosquitto_pub
need mosquitto mosquitto /usr/sbin/mosquitto
need paho.mqtt.c-examples paho_c_pub
need openssl openssl
need curl curl
need chromium chromium
need postgresql '/usr/lib/postgresql/*/bin/initdb'
need testssl.sh testssl testssl.sh
need bsdextrautils hexdump
need dnsutils dig
need python3-paho-mqtt /usr/lib/python3/dist-packages/paho/mqtt/client.py
need iproute2 ip
need haproxy haproxy /usr/sbin/haproxy
need docker-compose docker-compose # its parser only; no engine is needed
command -v npm >/dev/null || missing+=(nodejs npm)

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "tests need: ${missing[*]}. Please install them; this machine has no apt." >&2
    exit 2
  fi
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  # Installing mosquitto or PostgreSQL must not start a server on its standard port.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if [ ! -e npm/node_modules/.complete ] || [ npm/package.json -nt npm/node_modules/.complete ]; then
  npm install --prefix npm --no-audit --no-fund --no-package-lock --loglevel=error
  touch npm/node_modules/.complete
fi
