#!/usr/bin/env bash
# The Eclipse Paho interoperability tests against a Chariot of their own; docs/conformance-suites.md has the score.
#   tests/suites/paho.sh <checkout of paho.mqtt.testing> [3|5]        needs python3, curl, and the server built (Release)
set -euo pipefail
suite=$(cd "$1" && pwd) version=${2:-5}
root=$(cd "$(dirname "$0")/../.." && pwd)
server=${CHARIOT_SERVER:-$root/src/Chariot.Server/bin/Release/net10.0/chariot.dll}
base=${PORT:-21600}
http=http://127.0.0.1:$((base + 1)) password=drill-and-deliver-1
work=$(mktemp -d)
cd "$work"
CHARIOT_ADMIN_PASSWORD=$password dotnet "$server" serve --Chariot:DataDirectory "$work/data" --Chariot:Mqtt:BindAddress 127.0.0.1 \
  --Chariot:Mqtt:Port "$base" --Chariot:Mqtt:SecurePort 0 --Chariot:Mqtt:WebSocketPort 0 --Chariot:Mqtt:WebSocketSecurePort 0 \
  --Chariot:Admin:HttpPort "$((base + 1))" --Chariot:Admin:HttpsPort 0 --Chariot:Cluster:SiloPort "$((base + 2))" \
  --Chariot:Cluster:GatewayPort "$((base + 3))" --Chariot:Bootstrap:AllowAnonymous true > "$work/log" 2>&1 &
broker=$!
trap 'kill $broker 2>/dev/null || true; wait $broker 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 300); do if grep -qw Ready "$work/log"; then break; fi; sleep 0.2; done
token=$(curl -fsS "$http/login" -H 'Content-Type: application/json' -d "{\"username\":\"admin\",\"password\":\"$password\"}" \
  | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
api() { curl -fsS -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
cd "$suite/interoperability"
python=${PYTHON:-python3}
# client_test.py leaves its own options to unittest, which does not know them: the tests are named here instead.
run() { # names of tests
  "$python" - "$file" "$base" "$@" <<'PYTHON'
import re, sys
file, port, *names = sys.argv[1:]
text = open(file).read()
sys.argv = [file, "-p", port]
names = names or [name for name in re.findall(r"def (test\w*)\(self", text) if name != "test_subscribe_failure"]
text = re.sub(r"unittest\.main\(\)", "unittest.main(argv=[sys.argv[0]] + ['Test.' + name for name in suite_names])", text)
suite_names = names
exec(compile(text, file, "exec"))
PYTHON
}
file=client_test.py
if [ "$version" = 5 ]; then file=client_test5.py; fi
# What the suites expect of the broker's configuration: a server keep alive of 60 s.
settings=$(curl -fsS -H "Authorization: Bearer $token" "$http/api/v1/settings/mqtt")
api -X PUT "$http/api/v1/settings/mqtt" -d "${settings/\"maximumKeepAliveSeconds\":0/\"maximumKeepAliveSeconds\":60}"
failed=0
run || failed=1
# Of the test that wants a refusal: with the credential, anonymous clients may not have that filter.
api "$http/api/v1/credentials" -d '{"username":"anyone","password":"a-long-password","publishAcl":["#"],"subscribeAcl":["!test/nosubscribe","#"],"enabled":true}'
settings=$(curl -fsS -H "Authorization: Bearer $token" "$http/api/v1/settings/mqtt")
api -X PUT "$http/api/v1/settings/mqtt" -d "${settings/\"anonymousCredential\":null/\"anonymousCredential\":\"anyone\"}"
run test_subscribe_failure || failed=1
exit $failed
