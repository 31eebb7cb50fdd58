#!/usr/bin/env bash
# The one test command: installs what is missing, builds once, runs every test project, prints "N passed, N failed" last.
#   tests/run.sh                      everything; drills in their short, seeded form
#   CHARIOT_DRILL=long tests/run.sh   drills in full (half an hour)
#   tests/run.sh Edge Grains          only projects whose name contains one of these
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
tests/setup.sh || exit $?
dotnet restore Chariot.sln || exit $?
dotnet build Chariot.sln -c Release --no-restore -v minimal || exit $?

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 broken=0
for project in tests/*.Tests/*.Tests.csproj; do
  name=$(basename "$project" .csproj)
  if [ $# -gt 0 ]; then
    wanted=
    for part in "$@"; do [[ $name == *"$part"* ]] && wanted=1; done
    [ -n "$wanted" ] || continue
  fi

  echo "== $name"
  dotnet test "$project" -c Release --no-build --nologo --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal"
  code=$?
  counters=$(grep -o '<Counters [^>]*>' "$results/$name.trx" 2>/dev/null)
  if [ -z "$counters" ]; then
    # A project without tests, or a run that broke off before it could count.
    [ $code -eq 0 ] || { echo "$name ended with code $code and no result"; broken=$((broken + 1)); }
    continue
  fi

  count() { sed "s/.* $1=\"\([0-9]*\)\".*/\1/" <<< "$counters"; }
  total=$(count total) ok=$(count passed)
  passed=$((passed + ok))
  failed=$((failed + $(count executed) - ok))
  # A crashed run counts fewer results than tests: its exit code tells.
  [ $code -eq 0 ] || [ "$(count executed)" -ne "$ok" ] || { echo "$name ended with code $code"; broken=$((broken + 1)); }
done

failed=$((failed + broken))
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
