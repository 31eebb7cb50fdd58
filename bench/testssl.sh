#!/usr/bin/env bash
# testssl.sh (Debian package testssl.sh) against 8883 and 8443 of a broker of its own on loopback, with a certificate of 90 days from
# chariot dev-ca. Fails on any finding of severity MEDIUM or above, those aside that a test certificate cannot avoid: trust, CAA, revocation
# address, validity, and HSTS, which is off on purpose.
#   bench/testssl.sh            everything; some minutes
#   bench/testssl.sh --short    protocols, suites, forward secrecy and header checks
set -euo pipefail
cd "$(dirname "$0")/.."
checks=()
if [ "${1:-}" = --short ]; then checks=(--protocols --std --pfs --headers --renegotiation --compression --breach); fi
tool=$(command -v testssl || command -v testssl.sh) || { echo "testssl.sh needs testssl; tests/setup.sh installs it" >&2; exit 2; }
chariot=src/Chariot.Server/bin/Release/net10.0/chariot.dll
[ -e "$chariot" ] || dotnet build -c Release -v quiet --nologo src/Chariot.Server

work=$(mktemp -d)
broker=
stop() {
  if [ -n "$broker" ]; then kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT

free_port() { # below the range of outgoing ports
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

mqtts=$(free_port) https=$(free_port) http=$(free_port)
dotnet "$chariot" dev-ca --out "$work/ca" --days 90 > /dev/null
CHARIOT_ADMIN_PASSWORD=testssl-password dotnet "$chariot" serve --Chariot:DataDirectory "$work/data" --Chariot:Mqtt:BindAddress 127.0.0.1 \
  --Chariot:Mqtt:Port 0 --Chariot:Mqtt:SecurePort "$mqtts" --Chariot:Mqtt:WebSocketPort 0 --Chariot:Mqtt:WebSocketSecurePort 0 \
  --Chariot:Admin:HttpPort "$http" --Chariot:Admin:HttpsPort "$https" > "$work/chariot.log" 2>&1 &
broker=$!
for _ in $(seq 300); do
  grep -qw Ready "$work/chariot.log" && break
  kill -0 "$broker" 2>/dev/null || { cat "$work/chariot.log" >&2; exit 1; }
  sleep 0.2
done
CHARIOT_PASSWORD=testssl-password dotnet "$chariot" ssl setup --server "http://127.0.0.1:$http" --username admin \
  --key "$work/ca/server.key" --cert "$work/ca/server.crt" --chain "$work/ca/ca-chain.crt" > /dev/null

failed=0
for name in mqtts https; do
  # Findings have severities of their own: what the program itself returns counts them all.
  "$tool" --quiet --color 0 --warnings off --nodns none --ip 127.0.0.1 --add-ca "$work/ca/root.crt" --jsonfile "$work/$name.json" \
    --logfile "$work/$name.log" "${checks[@]}" "localhost:${!name}" > "$work/$name.out" 2>&1 < /dev/null || true
  /usr/bin/python3 - "$name" "$work/$name.json" <<'PYTHON' || failed=1
import collections
import json
import re
import sys

name, path = sys.argv[1:]
findings = json.load(open(path))
aside = re.compile(r"chain_of_trust|cert_trust|CAA|cert_crlDistributionPoints|cert_ocspURL|cert_ocspRevoked|cert_crlRevoked|revocation|cert_validityPeriod|"
                   r"cert_extlifeSpan|cert_notAfter|cert_notBefore|cert_expirationStatus|HSTS|^overall_grade|grade_cap_reason", re.I)
severe = [f for f in findings if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") and not aside.search(f["id"])]
counts = collections.Counter(f["severity"] for f in findings)
print(f"testssl {name}: " + ", ".join(f"{counts[s]} {s}" for s in ("OK", "INFO", "LOW", "WARN", "MEDIUM", "HIGH", "CRITICAL") if counts[s]) + f"; {len(severe)} that count")
for f in findings:
    if f["severity"] in ("LOW", "WARN", "MEDIUM", "HIGH", "CRITICAL", "FATAL"):
        print(f"  {'FAIL' if f in severe else 'aside' if f['severity'] not in ('LOW', 'WARN') else 'note'} {f['severity']} {f['id']}: {f['finding']}")
# A scan that broke off has hardly looked.
complete = len(findings) >= 20 and not any("scanProblem" in f["id"] for f in findings)
if not complete:
    print("  FAIL the scan is not complete")
sys.exit(1 if severe or not complete else 0)
PYTHON
done
exit $failed
