#!/usr/bin/env bash
# What a cluster costs, on this machine: silos as processes of deploy/local-cluster with a PostgreSQL of their own, everybody on loopback and on the same cores.
#   1. QoS 0 and QoS 1 through 1, 2 and 3 silos, each subscriber on its publisher's silo, then each on another one: delivered messages a second, CPU of
#      all silos per message, and the CPU that a remote delivery adds to a local one, as a ratio.
#   2. FILTERS filters that nobody else has, half of them wildcards, subscribed through 3 silos: time, and memory of each silo.
#   bench/cluster.sh             SECONDS_MEASURED=8 SECONDS_WARMUP=6 CLIENTS=1000 EACH=1000; NO_BUILD=1 takes what is built
set -euo pipefail
cd "$(dirname "$0")/.."
measured=${SECONDS_MEASURED:-8} warmup=${SECONDS_WARMUP:-6} clients=${CLIENTS:-1000} each=${EACH:-1000}
work=$(mktemp -d)
running=
stop() {
  if [ -n "$running" ]; then deploy/local-cluster --dir "$running" stop || true; rm -rf "$running"; running=; fi
}
trap 'stop; rm -rf "$work"' EXIT

for tool in python3 awk; do
  command -v "$tool" >/dev/null || { echo "cluster.sh needs $tool" >&2; exit 2; }
done
if [ -z "${NO_BUILD:-}" ]; then
  dotnet build -c Release -v quiet --nologo src/Chariot.Server
  dotnet build -c Release -v quiet --nologo bench/Chariot.LoadGenerator
fi
export CHARIOT_SERVER=$PWD/src/Chariot.Server/bin/Release/net10.0/chariot.dll

start() { # silos; sets ports and pids, comma separated
  running=$work/silos$1
  deploy/local-cluster --nodes "$1" --store postgres --no-fsync --allow-anonymous --roles edge --dir "$running" > "$work/start.log" || { cat "$work/start.log" >&2; exit 1; }
  ports=$(python3 -c 'import json,sys; print(",".join(str(n["mqtt"]) for n in json.load(open(sys.argv[1]))))' "$running/cluster.json")
  pids=$(python3 -c 'import json,sys; print(",".join(str(n["pid"]) for n in json.load(open(sys.argv[1]))))' "$running/cluster.json")
}

generate() { dotnet bench/Chariot.LoadGenerator/bin/Release/net10.0/Chariot.LoadGenerator.dll "$@"; }

pairs() { # label, shift, QoS
  generate --mode pairs --count 12 --window 100 --topics 1200 --payload 64 --port "$ports" --pid "$pids" --shift "$2" --qos "$3" \
    --warmup "$warmup" --seconds "$measured" --label "$1 qos$3" | tee -a "$work/results"
}

for silos in 1 2 3; do
  start "$silos"
  for qos in 0 1; do
    pairs "$silos local" 0 "$qos"
    [ "$silos" -eq 1 ] || pairs "$silos remote" 1 "$qos"
  done
  stop
done

start 3
generate filters --port "$ports" --pid "$pids" --clients "$clients" --each "$each" --label filters | tee "$work/filters"
stop

field() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/"; }
figure() { grep "\"$1\"" "$work/results" | field "$2"; }

echo
printf '%-6s %-4s %16s %16s %12s %12s %14s\n' silos QoS local/s remote/s 'us local' 'us remote' 'remote/local'
for silos in 1 2 3; do
  for qos in 0 1; do
    local_rate=$(figure "$silos local qos$qos" deliveredPerSecond) local_cpu=$(figure "$silos local qos$qos" brokerMicrosecondsPerMessage)
    if [ "$silos" -eq 1 ]; then
      printf '%-6s %-4s %16.0f %16s %12.2f %12s %14s\n' "$silos" "$qos" "$local_rate" - "$local_cpu" - -
    else
      remote_rate=$(figure "$silos remote qos$qos" deliveredPerSecond) remote_cpu=$(figure "$silos remote qos$qos" brokerMicrosecondsPerMessage)
      printf '%-6s %-4s %16.0f %16.0f %12.2f %12.2f %14.2f\n' "$silos" "$qos" "$local_rate" "$remote_rate" "$local_cpu" "$remote_cpu" "$(awk "BEGIN { print $remote_cpu / $local_cpu }")"
    fi
  done
done
echo
python3 - "$work/filters" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[1]))
print(f"{r['filters']:,} unique filters over {r['clients']:,} clients and {r['silos']} silos: {r['seconds']} s ({r['filtersPerSecond']:,}/s, {r['brokerMicrosecondsPerFilter']} us of CPU each, all silos together)")
for i, (before, after, each) in enumerate(zip(r["megabytesBefore"], r["megabytesAfter"], r["bytesPerFilterOfEachSilo"])):
    print(f"  silo {i + 1}: {before:.0f} MB before, {after:.0f} MB after, {each:.0f} bytes a filter")
print(f"  {r['tried']:,} messages from other silos to their subscribers, missed {r['missed']}")
PYTHON
