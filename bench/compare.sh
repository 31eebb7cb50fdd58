#!/usr/bin/env bash
# Chariot against mosquitto in one run: each broker alone on core 0, the load generator on core 1, every client
# authenticated, an ACL of 20 filters with %c and one deny, topics rotating over 1,000. Medians and their ratio.
#   bench/compare.sh            ROUNDS=3 SECONDS_MEASURED=5 SECONDS_WARMUP=4
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-3} measured=${SECONDS_MEASURED:-5} warmup=${SECONDS_WARMUP:-4}
username=bench password=bench-password-1
work=$(mktemp -d)
broker=
stop() {
  if [ -n "$broker" ]; then kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; broker=; fi
}
trap 'stop; rm -rf "$work"' EXIT

for tool in taskset curl mosquitto mosquitto_passwd; do
  command -v "$tool" >/dev/null || { echo "compare.sh needs $tool; tests/setup.sh installs it" >&2; exit 2; }
done
[ "$(nproc)" -ge 2 ] || { echo "compare.sh needs two cores" >&2; exit 2; }
dotnet build -c Release -v quiet --nologo src/Chariot.Server
dotnet build -c Release -v quiet --nologo bench/Chariot.LoadGenerator

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

# 18 filters that match nothing here come first, as they would in a plant.
filters() { for i in $(seq 1 "$1"); do echo "plant/line$i/+/state"; done; }

start_mosquitto() {
  port=$(free_port)
  mosquitto_passwd -c -b "$work/passwd" "$username" "$password"
  {
    echo "user $username"
    filters 17 | sed 's/^/topic readwrite /'
    echo "topic deny secret/#"
    echo "topic read bench/#"
    echo "pattern write bench/%c/#"
  } > "$work/acl"
  chmod 600 "$work/passwd" "$work/acl"
  cat > "$work/mosquitto.conf" <<CONF
listener $port 127.0.0.1
user $(id -un)
password_file $work/passwd
acl_file $work/acl
set_tcp_nodelay true
max_queued_messages 100000
log_type error
CONF
  taskset -c 0 mosquitto -c "$work/mosquitto.conf" > "$work/mosquitto.log" 2>&1 &
  broker=$!
  until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

json_list() { sed 's/.*/"&"/' | paste -sd, | sed 's/^/[/; s/$/]/'; }

start_chariot() {
  port=$(free_port)
  local http token publish subscribe
  http=$(free_port)
  rm -rf "$work/data"; mkdir "$work/data"
  : > "$work/chariot.log"
  CHARIOT_ADMIN_PASSWORD=$password-admin taskset -c 0 dotnet src/Chariot.Server/bin/Release/net10.0/chariot.dll serve \
    --Chariot:DataDirectory "$work/data" --Chariot:Mqtt:BindAddress 127.0.0.1 --Chariot:Mqtt:Port "$port" \
    --Chariot:Mqtt:SecurePort 0 --Chariot:Mqtt:WebSocketPort 0 --Chariot:Mqtt:WebSocketSecurePort 0 \
    --Chariot:Admin:HttpPort "$http" --Chariot:Admin:HttpsPort 0 \
    --Chariot:Cluster:SiloPort "$(free_port)" --Chariot:Cluster:GatewayPort "$(free_port)" > "$work/chariot.log" 2>&1 &
  broker=$!
  until_true 60 grep -qw Ready "$work/chariot.log"
  token=$(curl -fsS "http://127.0.0.1:$http/login" -H 'Content-Type: application/json' \
    -d "{\"username\":\"admin\",\"password\":\"$password-admin\"}" | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
  publish=$({ filters 18; echo '!secret/#'; echo 'bench/%c/#'; } | json_list)
  subscribe=$({ filters 18; echo '!secret/#'; echo 'bench/#'; } | json_list)
  curl -fsS -o /dev/null "http://127.0.0.1:$http/api/v1/credentials" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -d "{\"username\":\"$username\",\"password\":\"$password\",\"publishAcl\":$publish,\"subscribeAcl\":$subscribe,\"enabled\":true}"
}

load() { # name, options
  local name=$1; shift
  taskset -c 1 dotnet bench/Chariot.LoadGenerator/bin/Release/net10.0/Chariot.LoadGenerator.dll --port "$port" --pid "$broker" \
    --username "$username" --password "$password" --topics 1000 --payload 64 --label "$name" \
    --warmup "$warmup" --seconds "$measured" "$@"
}

scenarios() { # broker's name
  load "$1 pairs" --mode pairs --count 10 --window 100
  load "$1 fan-out" --mode fan-out --count 100 --window 20
  load "$1 fan-in" --mode fan-in --count 50 --window 20
  load "$1 pairs-500" --mode pairs --count 500 --window 2
}

for round in $(seq 1 "$rounds"); do
  for name in mosquitto chariot; do
    "start_$name"
    # Once unmeasured: a JIT compiler must have seen the path.
    load warm --mode pairs --count 10 --window 100 > /dev/null
    scenarios "$name" | tee -a "$work/results"
    stop
  done
done

field() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
figure() { grep "\"$1 $2\"" "$work/results" | field "$3" | median; }

echo
printf '%-10s %14s %14s %8s   %s\n' scenario mosquitto/s chariot/s ratio 'us/msg (mosquitto, chariot), generator % (mosquitto, chariot)'
for scenario in pairs fan-out fan-in pairs-500; do
  theirs=$(figure mosquitto "$scenario" deliveredPerSecond)
  ours=$(figure chariot "$scenario" deliveredPerSecond)
  printf '%-10s %14.0f %14.0f %8.2f   %s %s, %s %s\n' "$scenario" "$theirs" "$ours" "$(awk "BEGIN { print $ours / $theirs }")" \
    "$(figure mosquitto "$scenario" brokerMicrosecondsPerMessage)" "$(figure chariot "$scenario" brokerMicrosecondsPerMessage)" \
    "$(figure mosquitto "$scenario" generatorCpuPercent)" "$(figure chariot "$scenario" generatorCpuPercent)"
done
