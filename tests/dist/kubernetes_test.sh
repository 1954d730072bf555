#!/bin/bash
# kubernetes_test.sh ROS: the plan is YAML that says what it must, and node-upgrade brings a node to a
# version, whose `ros` is a fake that keeps state.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
folder=$(realpath "$here/../../dist/kubernetes")

# A parser that we have at hand.
"$ros" config validate "$folder/plan.yaml" 2>err || fail "plan.yaml: $(cat err)"
for line in 'kind: Plan' '  concurrency: 1' '  jobActiveDeadlineSecs: 7200' '  drain:' '  serviceAccountName: system-upgrade'; do
  grep -qxF -- "$line" "$folder/plan.yaml" || fail "the plan has no '$line'"
done
grep -q '^COPY node-upgrade ' "$folder/Containerfile" || fail "the container has no node-upgrade"

# The node: which version runs, whether it is on trial and for how many looks, what was rolled back.
mkdir -p host/bin host/state
cat >host/bin/ros <<'END'
#!/bin/sh
cd "$(dirname "$0")/../state" || exit 1
echo "$*" >>asked
case "$*" in
  'status --json')
    looks=$(cat trial 2>/dev/null || echo 0)
    [ ! -e broken ] || exit 1
    if [ "$looks" -gt 0 ]; then
      echo $((looks - 1)) >trial
      printf '{\n  "on_trial": true\n}\n'
    elif [ -e armed ]; then
      printf '{\n  "on_trial": false,\n  "trial": {\n  }\n}\n'
    else
      printf '{\n  "on_trial": false\n}\n'
    fi
    ;;
  'os version') cat running ;;
  'upgrade -i registry.example/myos:'*)
    version=${3##*:}
    if [ "$(cat bad 2>/dev/null)" = "$version" ]; then
      echo "ros: version $version was rolled back on this machine" >&2
      exit 3
    fi
    [ "$version" = mislabelled ] || echo "$version" >armed
    ;;
  *) exit 2 ;;
esac
END
printf '#!/bin/sh\necho reboot >>"%s/host/state/asked"\n' "$scratch" >host/bin/reboot
chmod +x host/bin/ros host/bin/reboot

# node_upgrade CODE: as the controller starts it.
node_upgrade() {
  local code=$1 got=0
  rm -f host/state/asked
  SYSTEM_UPGRADE_PLAN_LATEST_VERSION=${version-1.3.0} ROS_REPOSITORY=${repository-registry.example/myos} ROS_POLL=0 \
    ROS_RESTART_LIMIT=0 ROS_ENTER="env PATH=$scratch/host/bin:$PATH" "$folder/node-upgrade" >out 2>err || got=$?
  [[ $got == "$code" ]] || fail "exit $got and not $code: $(cat err)"
}

says() {
  grep -qF -- "$1" err || fail "no '$1' in: $(cat err)"
}

echo 1.2.0 >host/state/running
# It asks for the upgrade; that the node did not restart is told as a failure.
node_upgrade 1
says 'the node runs 1.2.0; upgrading it to 1.3.0'
says 'has not restarted'
[[ $(cat host/state/armed) == 1.3.0 ]] || fail "nothing is armed"
grep -qx 'upgrade -i registry.example/myos:1.3.0' host/state/asked || fail "asked: $(cat host/state/asked)"
# Also a trial that was armed before is begun.
grep -qx reboot host/state/asked || fail "no reboot: $(cat host/state/asked)"
rm host/state/armed
version=mislabelled node_upgrade 1
says 'is mislabelled the version of the image with that tag?'
unset version

# The node has restarted into the trial: wait for the verdict, write nothing.
echo 1.3.0 >host/state/running
echo 2 >host/state/trial
node_upgrade 0
says 'waiting for its gate'
says 'the node runs 1.3.0'
[[ $(grep -c '^status' host/state/asked) == 3 ]] || fail "asked: $(cat host/state/asked)"
! grep -q '^upgrade' host/state/asked || fail "it upgrades again"

# A node that does not answer has not passed its trial.
touch host/state/broken
node_upgrade 1
says 'the node has no ros that answers'
rm host/state/broken

# It was rolled back: that is an error, each time, and the node stays cordoned.
echo 1.2.0 >host/state/running
echo 1.3.0 >host/state/bad
node_upgrade 3
says 'was rolled back on this machine'

# What comes from the plan is no option and no shell.
for version in '' '-i' '1.3.0;reboot' '1 2'; do
  node_upgrade 2
done
unset version
for repository in '' '--force' 'a b' '$(reboot)'; do
  node_upgrade 2
done
unset repository
[[ ! -e host/state/asked ]] || fail "the node was asked: $(cat host/state/asked)"

# Without a node's ros.
rm host/bin/ros
node_upgrade 1
exit $failed
