#!/usr/bin/env bash
# TLS connects: Chariot against mosquitto in one run, RSA-2048, TLS 1.3, no resumption, the certificate verified. Each broker alone on core 0, the
# generator on core 1. Prints medians: connects per second, broker CPU per connect, memory per idle TLS connection (2,000 of them).
#   bench/tls-connects.sh       ROUNDS=3 COUNT=2000
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-3} count=${COUNT:-2000}
for tool in taskset mosquitto; do
  command -v "$tool" >/dev/null || { echo "tls-connects.sh needs $tool; tests/setup.sh installs it" >&2; exit 2; }
done
[ "$(nproc)" -ge 2 ] || { echo "tls-connects.sh needs two cores" >&2; exit 2; }
ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" -ge $((count + 1000)) ] || { echo "tls-connects.sh needs $((count + 1000)) open files: raise ulimit -n" >&2; exit 2; }
dotnet build -c Release -v quiet --nologo src/Chariot.Server
dotnet build -c Release -v quiet --nologo bench/Chariot.LoadGenerator
chariot=src/Chariot.Server/bin/Release/net10.0/chariot.dll
work=$(mktemp -d)
broker=
stop() {
  if [ -n "$broker" ]; then kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; broker=; fi
}
trap 'stop; rm -rf "$work"' EXIT

free_port() { # below the range of outgoing ports
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

until_true() { # seconds, command
  local end=$((SECONDS + $1)); shift
  until "$@" 2>/dev/null; do
    [ $SECONDS -lt $end ] || { echo "not within time: $*" >&2; cat "$work"/*.log >&2; exit 1; }
    sleep 0.1
  done
}

dotnet "$chariot" dev-ca --out "$work/ca" > /dev/null
cat "$work/ca/server.crt" "$work/ca/intermediate.crt" > "$work/ca/served.crt"

start_mosquitto() {
  port=$(free_port)
  cat > "$work/mosquitto.conf" <<CONF
listener $port 127.0.0.1
user $(id -un)
allow_anonymous true
set_tcp_nodelay true
certfile $work/ca/served.crt
keyfile $work/ca/server.key
tls_version tlsv1.2
log_type error
CONF
  taskset -c 0 mosquitto -c "$work/mosquitto.conf" > "$work/mosquitto.log" 2>&1 &
  broker=$!
  until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

start_chariot() {
  local http
  port=$(free_port) http=$(free_port)
  rm -rf "$work/data"
  CHARIOT_ADMIN_PASSWORD=bench-password-1 taskset -c 0 dotnet "$chariot" serve \
    --Chariot:DataDirectory "$work/data" --Chariot:Bootstrap:AllowAnonymous true --Chariot:Mqtt:BindAddress 127.0.0.1 --Chariot:Mqtt:Port 0 \
    --Chariot:Mqtt:SecurePort "$port" --Chariot:Mqtt:WebSocketPort 0 --Chariot:Mqtt:WebSocketSecurePort 0 \
    --Chariot:Admin:HttpPort "$http" --Chariot:Admin:HttpsPort -1 --Logging:LogLevel:Default Warning --Logging:LogLevel:Chariot.Server Information > "$work/chariot.log" 2>&1 &
  broker=$!
  until_true 60 grep -qw Ready "$work/chariot.log"
  CHARIOT_PASSWORD=bench-password-1 dotnet "$chariot" ssl setup --server "http://127.0.0.1:$http" --username admin \
    --key "$work/ca/server.key" --cert "$work/ca/server.crt" --chain "$work/ca/ca-chain.crt" > /dev/null
  # What a handshake costs is asked here, not how a fleet is let in.
  CHARIOT_PASSWORD=bench-password-1 dotnet "$chariot" settings set --server "http://127.0.0.1:$http" --username admin limits.maximumConnectRate=0 > /dev/null
}

for _ in $(seq "$rounds"); do
  for name in mosquitto chariot; do
    "start_$name"
    taskset -c 1 dotnet bench/Chariot.LoadGenerator/bin/Release/net10.0/Chariot.LoadGenerator.dll tls-connect \
      --port "$port" --pid "$broker" --cafile "$work/ca/root.crt" --count "$count" --warmup "$count" --label "$name" | tee -a "$work/results"
    stop
  done
done

median() { # broker, field
  grep "\"label\":\"$1\"" "$work/results" | sed "s/.*\"$2\":\(-\{0,1\}[0-9.]*\).*/\1/" | sort -n |
    awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

echo
printf '%-32s %12s %12s\n' '' mosquitto chariot
for field in connectsPerSecond p99Milliseconds brokerMicrosecondsPerConnect brokerBytesPerIdleConnection generatorCpuPercent; do
  printf '%-32s %12s %12s\n' "$field" "$(median mosquitto $field)" "$(median chariot $field)"
done
