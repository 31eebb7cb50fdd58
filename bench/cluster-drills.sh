#!/usr/bin/env bash
# Every drill of a cluster in its long form, one after the other, with the seconds that each took; the lines "drill: ..." with their figures once more at the end, and in a file.
# About 40 minutes on two cores that have nothing else to do. Exit code 1 when one failed.
#   bench/cluster-drills.sh [pattern]      only drills whose name matches the extended regular expression
#   NO_BUILD=1 takes what is built; CHARIOT_DRILL_SEED repeats a run; DRILL_RESULTS=folder (default: a new one below /tmp)
set -uo pipefail
cd "$(dirname "$0")/.."
results=${DRILL_RESULTS:-$(mktemp -d)}
mkdir -p "$results"
export CHARIOT_DRILL=long DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
if [ -z "${NO_BUILD:-}" ]; then
  tests/setup.sh || exit $?
  dotnet build tests/Chariot.System.Tests -c Release -v quiet --nologo || exit $?
fi

# Name of the method, the stores that it runs on, and the minutes to expect for all of them.
drills=(
  "SubscribeThenPublishDrill.APublishBehindSubAck_IsNeverMissed                          4"
  "SubscribeThenPublishDrill.ARetainedMessage_AboutTheTimeOfASubscribe_IsNeverMissed     5"
  "ColdStartDrill.PublishersThatConnectFirst_MissNoDurableSession                        4"
  "SiloKillDrill.KillOfASilo_LosesNothingAcknowledged_AndPublishesEachWillOnce           6"
  "SiloKillDrill.ARollingRestart_LosesNothingAcknowledged                                4"
  "HungSiloDrill.ASiloThatWakes_DeliversNothing_AndAcknowledgesNothingThatIsLost         3"
  "HungSiloDrill.WithoutItsStore_TheClusterServesItsClients_AndRecoversByItself          2"
  "PartitionDrill.APartition_LosesNothingAcknowledged_AndMendsItself                     2"
  "CertificateDrill.AStoppedSilo_BlocksNoChange_AndComesBackWithTheLast                  2"
  "CertificateDrill.AStartingSilo_ServesTheLastCertificate_FromTheAnswerOn               3"
  "CertificateDrill.AHungSilo_IsNamed_OrFoundDead_AndNeverServesTheOldCertificateAgain   4"
  "CertificateDrill.ASiloWhosePortIsTaken_IsNamed_AndNobodySwitches                      1"
  "FightDrill.TwoClientsWithOneId_AreNeverConnectedAtOnce_AndTheNewcomerHasToWait        4"
  "DrainDrill.TheClientsOfADrainingSilo_LeaveInSlices_AndFindTheirSessionsElsewhere      1"
)
failed=0
for entry in "${drills[@]}"; do
  read -r name minutes <<< "$entry"
  [[ $# -eq 0 || $name =~ $1 ]] || continue
  echo "== $name (about $minutes min)"
  started=$SECONDS
  timeout 1500 dotnet test tests/Chariot.System.Tests -c Release --no-build --nologo --filter "FullyQualifiedName~ClusterDrills.$name" \
    --logger "console;verbosity=normal" > "$results/$name.log" 2>&1
  code=$?
  grep '^drill:' "$results/$name.log" | tee -a "$results/figures"
  if [ $code -ne 0 ] || ! grep -q '^ *Passed ' "$results/$name.log"; then
    failed=$((failed + 1))
    # A drill that is skipped here says why in the same place.
    echo "-- not passed (code $code), after $((SECONDS - started)) s; $results/$name.log"
    grep -A12 -E '^ *(Failed|Skipped) ' "$results/$name.log" | head -40
  else
    echo "-- passed, $((SECONDS - started)) s"
  fi
done

echo
echo "figures, also in $results/figures:"
cat "$results/figures" 2>/dev/null
echo "$failed drills not passed"
[ $failed -eq 0 ]
