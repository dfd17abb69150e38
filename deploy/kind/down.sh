#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Removes the cluster of up.sh, and the images it built.
#   CLUSTER   name of the kind cluster (fairlead)
set -eu

cluster=${CLUSTER:-fairlead}
for tool in docker kind; do
  command -v "$tool" >/dev/null || {
    echo "down.sh: $tool is not on the PATH; it is needed, see docs/install-kind.md" >&2
    exit 1
  }
done
kind delete cluster --name "$cluster"
for image in fairlead/agent:dev fairlead/cloud-provider:dev echo-app:latest fairlead-kind-client:dev; do
  if docker image inspect "$image" >/dev/null 2>&1; then docker image rm "$image"; fi
done
