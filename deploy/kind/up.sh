#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The case study on kind, from nothing to its three scenarios:
#
#   deploy/kind/up.sh          # again: builds and applies anew on the cluster that is there
#   deploy/kind/down.sh        # removes it
#
# Needs docker, kind and kubectl. Settings, from the environment:
#   CLUSTER   name of the kind cluster (fairlead)
#   RANGE     addresses for Services (the highest 50 free ones of the Docker network that kind uses)
#   BALANCE   nftables: Fairlead sends each connection to the next pod; none: kube-proxy sends it to some pod (nftables)
#   CLIENT    command that runs a program on another machine of the network (a container there); for the scenarios
set -eu

cluster=${CLUSTER:-fairlead}
balance=${BALANCE:-nftables}
network=${KIND_EXPERIMENTAL_DOCKER_NETWORK:-kind}
here=$(cd "$(dirname "$0")" && pwd)
# Paths below are those of the repository.
cd "$here/../.."

step() { printf '\n== %s\n' "$*"; }
fail() {
  echo "up.sh: $*" >&2
  exit 1
}
in_cluster() { kubectl --context "kind-$cluster" "$@"; }
# Creates what a "kubectl create" makes, or changes it to that.
apply_made() { in_cluster "$@" --dry-run=client -o yaml | in_cluster apply -f -; }

for tool in docker kind kubectl; do
  command -v "$tool" >/dev/null || fail "$tool is not on the PATH; it is needed, see docs/install-kind.md"
done
docker version >/dev/null 2>&1 || fail "docker does not answer; is it running, and may you use it? Try: docker version"
case $balance in
nftables | none | ipvs | userspace) ;;
*) fail "BALANCE is '$balance', expected nftables, none, ipvs or userspace" ;;
esac

step "Cluster $cluster: one control plane and three workers"
if kind get clusters 2>/dev/null | grep -qx "$cluster"; then
  echo "it is there already"
else
  kind create cluster --name "$cluster" --config deploy/kind/kind-config.yaml
fi

step "Images"
docker build -t fairlead/agent:dev -f deploy/image/Dockerfile --target agent .
docker build -t fairlead/cloud-provider:dev -f deploy/image/Dockerfile --target cloud-provider .
docker build -t echo-app:latest -f deploy/kind/echo-app/Dockerfile .
docker build -t fairlead-kind-client:dev deploy/kind/client
kind load docker-image --name "$cluster" fairlead/agent:dev fairlead/cloud-provider:dev echo-app:latest

step "Addresses for Services"
range=${RANGE:-$(docker network inspect "$network" | deploy/kind/pick-range.sh)}
[ -n "$range" ] || fail "no addresses were found in the Docker network $network; choose some with RANGE=FIRST-LAST"
echo "range-global=$range"
apply_made create configmap --namespace kube-system kubevip --from-literal "range-global=$range"

step "Fairlead"
if ! in_cluster get secret --namespace kube-system fairlead-group >/dev/null 2>&1; then
  # The key that the agents share. It comes through a pipe: arguments are seen by everybody on this machine.
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n' |
    in_cluster create secret generic fairlead-group --namespace kube-system --from-file=key=/dev/stdin
fi
in_cluster apply -f deploy/cloud-provider.yaml -f deploy/agent.yaml
in_cluster set env --namespace kube-system daemonset/kube-vip-ds "fairlead_balance=$balance"
in_cluster rollout status --namespace kube-system --timeout=180s deployment/kube-vip-cloud-provider
in_cluster rollout status --namespace kube-system --timeout=180s daemonset/kube-vip-ds

step "The echo application"
in_cluster apply -f deploy/kind/echo-app.yaml
in_cluster rollout status --timeout=180s deployment/echo-app-deployment
in_cluster get service echo-app >/dev/null 2>&1 ||
  in_cluster expose deployment echo-app-deployment --port=80 --type=LoadBalancer --name=echo-app
in_cluster wait --for=jsonpath='{.status.loadBalancer.ingress[0].ip}' --timeout=60s service/echo-app ||
  fail "the Service has no address; the reason is in: kubectl describe service echo-app"
address=$(in_cluster get service echo-app -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
in_cluster get service echo-app

CONTEXT="kind-$cluster" CLIENT="${CLIENT-docker run --rm --network $network fairlead-kind-client:dev}" \
  deploy/kind/scenarios.sh "$address"

step "It stays up"
cat <<END
The application is at http://$address/ from this machine (Linux), and from every container of the Docker network
"$network". With Docker Desktop, which keeps that network to itself, have it at http://localhost:8081/ by:
  docker run -d --network $network -p 8081:80 alpine/socat TCP-LISTEN:80,fork,reuseaddr TCP:$address:80
Everything ends with: deploy/kind/down.sh
END
