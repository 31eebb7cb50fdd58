#!/usr/bin/env bash
# The test programs of the Eclipse Paho C client against a Chariot of their own; docs/conformance-suites.md has the score.
#   tests/suites/paho-c.sh <checkout of paho.mqtt.c>     needs cmake, gcc, python3, curl
set -uo pipefail
client=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
server=${CHARIOT_SERVER:-$root/src/Chariot.Server/bin/Release/net10.0/chariot.dll}
base=${PORT:-21800} python=${PYTHON:-python3}
work=$(mktemp -d)
build=${BUILD:-$work/build}
if [ ! -x "$build/test/test1" ]; then
  mkdir -p "$build"
  (cd "$build" && cmake -DPAHO_ENABLE_TESTING=TRUE -DPAHO_WITH_SSL=FALSE -DCMAKE_BUILD_TYPE=Release "$client" && make -j2) > "$work/build.log" 2>&1 \
    || { tail "$work/build.log" >&2; exit 2; }
fi
cd "$work"
CHARIOT_ADMIN_PASSWORD=drill-and-deliver-1 dotnet "$server" serve --Chariot:DataDirectory "$work/data" --Chariot:Mqtt:BindAddress 127.0.0.1 \
  --Chariot:Mqtt:Port "$base" --Chariot:Mqtt:SecurePort 0 --Chariot:Mqtt:WebSocketPort "$((base + 5))" --Chariot:Mqtt:WebSocketSecurePort 0 \
  --Chariot:Admin:HttpPort "$((base + 2))" --Chariot:Admin:HttpsPort 0 --Chariot:Cluster:SiloPort "$((base + 3))" \
  --Chariot:Cluster:GatewayPort "$((base + 4))" --Chariot:Bootstrap:AllowAnonymous true > "$work/log" 2>&1 &
broker=$!
proxy=
trap 'kill $broker $proxy 2>/dev/null; wait $broker 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do if grep -qw Ready "$work/log"; then break; fi; sleep 0.2; done
# The tests sign in, or do not.
http=http://127.0.0.1:$((base + 2))
token=$(curl -fsS "$http/login" -H 'Content-Type: application/json' -d '{"username":"admin","password":"drill-and-deliver-1"}' \
  | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
curl -fsS -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$http/api/v1/credentials" \
  -d '{"username":"testuser","password":"testpassword","publishAcl":["#"],"subscribeAcl":["#"],"enabled":true}'
# test11 4 sends Receive Maximum + 2 messages in one go, and the client buffers 100 (MQTTAsync_createOptions_initializer).
curl -fsS -H "Authorization: Bearer $token" "$http/api/v1/settings/mqtt" | sed 's/"receiveMaximum":[0-9]*/"receiveMaximum":50/' \
  | curl -fsS -o /dev/null -X PUT -H "Authorization: Bearer $token" -H 'Content-Type: application/json' --data-binary @- "$http/api/v1/settings/mqtt"
# The client's own proxy breaks connections for some of the tests.
(cd "$client/test" && exec "$python" mqttsas.py localhost "$base" "$((base + 1))") > "$work/proxy.log" 2>&1 &
proxy=$!
sleep 2
passed=0 failed=0
for entry in ${TESTS:-test1:7 test2:1 test4:8 test6:1 test8:8 test9:10 test10:9 test11:9 test15:7 test45:8 test95:6 test_sync_session_present:1}; do
  program=${entry%%:*} count=${entry##*:}
  for number in $(seq "$count"); do
    # Those that the client's own CMake file runs.
    case $program-$number in test9-7|test9-9) continue ;; esac
    args=(--connection "tcp://127.0.0.1:$base")
    case $program in test1|test15|test9|test95|test10|test11|test4|test45|test8) args+=(--proxy_connection "tcp://127.0.0.1:$((base + 1))") ;; esac
    # As in the client's own CMake file: large messages of 500,000 bytes.
    case $program in test4|test45|test8) args+=(--size 500000) ;; esac
    case $program in test2|test6|test_sync_session_present) ;; *) args=(--test_no "$number" "${args[@]}") ;; esac
    if timeout 120 "$build/test/$program" "${args[@]}" > "$work/$program-$number.log" 2>&1; then
      passed=$((passed + 1)); echo "passed $program $number"
    else
      failed=$((failed + 1)); echo "failed $program $number"; grep -iE 'fail|assert|unrecog' "$work/$program-$number.log" | head -5 | sed 's/^/    /'
    fi
  done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
