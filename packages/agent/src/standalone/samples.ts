// SPDX-License-Identifier: Apache-2.0

/** What `agent sample config` prints: a file for `agent start` that a host could use with its own addresses in it. */
export const SAMPLE_CONFIG = `# agent start -c this-file: one address for three hosts without a cluster, and what is behind it.
# Every host has the same file but for localPeer; remotePeers may name all three.

# The address that moves between the hosts; several with commas (IPv4 and IPv6).
vip: 192.168.0.75
# Link to answer on; without it the one with the default route.
interface: eth0

# How the hosts reach each other, by UDP.
localPeer: {id: server1, address: 192.168.0.70, port: 10000}
remotePeers:
- {id: server2, address: 192.168.0.71, port: 10000}
- {id: server3, address: 192.168.0.72, port: 10000}
# Signs what they say to each other, the same on every host (agent group key > /etc/fairlead/group.key).
groupKeyFile: /etc/fairlead/group.key
# Term and vote, on a disk.
stateDir: /var/lib/fairlead

# Instead of electing among themselves the hosts can let an etcd decide; that takes seconds instead of a third of one:
# etcd: {endpoints: [https://192.168.0.9:2379], caFile: ca.pem, certFile: client.pem, keyFile: client.key, ttlSeconds: 2}

# Or there is only one host:
# singleNode: true

loadBalancers:
- name: Kubernetes Control Plane
  type: tcp
  port: 6443
  # true: only on the vip. false: on every address of every host.
  bindToVip: true
  # Asked this often whether it lives; type can be tcp, http, https (with a path) or none.
  healthCheck: {type: https, path: /readyz, intervalMs: 250}
  backends:
  - {address: 192.168.0.70, port: 6444}
  - {address: 192.168.0.71, port: 6444}
  - {address: 192.168.0.72, port: 6444}

# Requests instead of connections; each goes to a back end of its own:
# - name: Web
#   type: http
#   port: 80
#   bindToVip: true
#   backends:
#   - url: https://192.168.0.70:8443
`;

/** What `agent sample manifest` prints: a static Pod that runs `agent start` on a host that has a kubelet. */
export function sampleManifest(version: string): string {
  return `# A static Pod: put it into /etc/kubernetes/manifests of each host, beside its /etc/fairlead/config.yaml.
apiVersion: v1
kind: Pod
metadata:
  name: fairlead
  namespace: kube-system
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
  - name: agent
    image: fairlead/agent:${version}
    args: [start, -c, /etc/fairlead/config.yaml]
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
        add: [NET_ADMIN, NET_RAW, NET_BIND_SERVICE]
    volumeMounts:
    - {name: config, mountPath: /etc/fairlead, readOnly: true}
    - {name: state, mountPath: /var/lib/fairlead}
  volumes:
  - name: config
    hostPath: {path: /etc/fairlead, type: Directory}
  - name: state
    hostPath: {path: /var/lib/fairlead, type: DirectoryOrCreate}
`;
}
