#!/usr/bin/env bash
# Retained messages and idle filters, Chariot against mosquitto in one run: 100,000 retained messages, 10,000 idle wildcard filters. Each broker
# alone on core 0, the clients on core 1. Printed per broker:
#   - seconds until the first and the last of 100,000 retained messages have reached a new subscriber (filter retained/#),
#   - milliseconds until the last of the 10 that a narrow wildcard matches (retained/77/+/x),
#   - QoS 0 messages a second without and with the idle filters, and their ratio.
#   bench/retained.sh            RETAINED=100000 FILTERS=10000 ROUNDS=3 SECONDS_MEASURED=5
set -euo pipefail
cd "$(dirname "$0")/.."
retained=${RETAINED:-100000} filters=${FILTERS:-10000} rounds=${ROUNDS:-3} measured=${SECONDS_MEASURED:-5}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
broker=
stop() {
  if [ -n "$broker" ]; then kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; broker=; fi
}
trap 'stop; rm -rf "$work"' EXIT

for tool in taskset curl mosquitto "$python"; do
  command -v "$tool" >/dev/null || { echo "retained.sh needs $tool; tests/setup.sh installs it" >&2; exit 2; }
done
[ "$(nproc)" -ge 2 ] || { echo "retained.sh needs two cores" >&2; exit 2; }
if [ -z "${NO_BUILD:-}" ]; then
  dotnet build -c Release -v quiet --nologo src/Chariot.Server
  dotnet build -c Release -v quiet --nologo bench/Chariot.LoadGenerator
fi

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

start_mosquitto() {
  port=$(free_port)
  cat > "$work/mosquitto.conf" <<CONF
listener $port 127.0.0.1
user $(id -un)
allow_anonymous true
set_tcp_nodelay true
max_queued_messages 0
log_type error
CONF
  taskset -c 0 mosquitto -c "$work/mosquitto.conf" > "$work/mosquitto.log" 2>&1 &
  broker=$!
  until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

start_chariot() {
  port=$(free_port)
  local http token settings
  http=$(free_port)
  rm -rf "$work/data"; mkdir "$work/data"
  : > "$work/chariot.log"
  CHARIOT_ADMIN_PASSWORD=bench-password-1 taskset -c 0 dotnet src/Chariot.Server/bin/Release/net10.0/chariot.dll serve \
    --Chariot:DataDirectory "$work/data" --Chariot:Mqtt:BindAddress 127.0.0.1 --Chariot:Mqtt:Port "$port" \
    --Chariot:Mqtt:SecurePort 0 --Chariot:Mqtt:WebSocketPort 0 --Chariot:Mqtt:WebSocketSecurePort 0 \
    --Chariot:Admin:HttpPort "$http" --Chariot:Admin:HttpsPort 0 --Chariot:Bootstrap:AllowAnonymous true \
    --Chariot:Cluster:SiloPort "$(free_port)" --Chariot:Cluster:GatewayPort "$(free_port)" > "$work/chariot.log" 2>&1 &
  broker=$!
  until_true 60 grep -qw Ready "$work/chariot.log"
  token=$(curl -fsS "http://127.0.0.1:$http/login" -H 'Content-Type: application/json' \
    -d '{"username":"admin","password":"bench-password-1"}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
  # One more than is retained, and room for the idle filters of one client.
  settings=$(curl -fsS -H "Authorization: Bearer $token" "http://127.0.0.1:$http/api/v1/settings/mqtt" \
    | sed "s/\"maximumRetainedMessages\":[0-9]*/\"maximumRetainedMessages\":$((retained + 1000))/")
  curl -fsS -o /dev/null -X PUT -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$settings" \
    "http://127.0.0.1:$http/api/v1/settings/mqtt"
}

load() { # name, options
  local name=$1; shift
  taskset -c 1 dotnet bench/Chariot.LoadGenerator/bin/Release/net10.0/Chariot.LoadGenerator.dll --port "$port" --pid "$broker" \
    --topics 1000 --payload 64 --label "$name" --warmup 3 --seconds "$measured" --mode pairs --count 10 --window 100 "$@"
}

for round in $(seq 1 "$rounds"); do
  for name in mosquitto chariot; do
    "start_$name"
    load warm > /dev/null
    load "$name before" | tee -a "$work/results"
    taskset -c 1 "$python" bench/retained.py fill "$port" "$retained" | sed "s/^{/{\"label\":\"$name\",/" | tee -a "$work/results"
    # A first time for the JIT compiler's sake, then measured.
    taskset -c 1 "$python" bench/retained.py read "$port" "$retained" > /dev/null
    taskset -c 1 "$python" bench/retained.py read "$port" "$retained" | sed "s/^{/{\"label\":\"$name\",/" | tee -a "$work/results"
    load "$name without" | tee -a "$work/results"
    taskset -c 1 "$python" bench/retained.py idle "$port" "$filters" > "$work/idle.log" &
    idle=$!
    until_true 120 grep -q subscribed "$work/idle.log"
    load "$name with" | tee -a "$work/results"
    kill "$idle"; wait "$idle" 2>/dev/null || true
    stop
  done
done

field() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
figure() { grep "\"label\":\"$1\"" "$work/results" | grep "\"$2\"" | field "$2" | median; }

echo
printf '%-10s %12s %12s %12s %14s %14s %8s\n' broker 'first ms' 'last s' 'narrow ms' 'msg/s without' 'msg/s with' ratio
for name in mosquitto chariot; do
  without=$(figure "$name without" deliveredPerSecond) with=$(figure "$name with" deliveredPerSecond)
  printf '%-10s %12.1f %12.2f %12.1f %14.0f %14.0f %8.2f\n' "$name" "$(figure "$name" firstMilliseconds)" "$(figure "$name" lastSeconds)" \
    "$(figure "$name" narrowMilliseconds)" "$without" "$with" "$(awk "BEGIN { print $with / $without }")"
done
