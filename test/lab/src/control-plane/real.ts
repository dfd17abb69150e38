// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTROL_PLANE, hostOf } from '../network/plan.ts';
import type { ControlPlaneOptions } from './control-plane.ts';

/** Where etcd is reached at an address of its host. */
export function etcdUrl(address: string): string {
  return `http://${address}:2379`;
}

const ETCD_URL = etcdUrl('127.0.0.1');
const ETCD_PEER_URL = 'http://127.0.0.1:2380';

/** Starts etcd and kube-apiserver on the control-plane host: TLS, token and RBAC on, nothing written through to disk. */
export async function startRealServer(options: ControlPlaneOptions, assets: string): Promise<void> {
  const { components, dataDir, plan } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  components.start('etcd', CONTROL_PLANE, [
    join(assets, 'etcd'),
    `--data-dir=${join(dataDir, 'etcd')}`,
    // Further API servers come from other hosts.
    `--listen-client-urls=${ETCD_URL},${etcdUrl(hostOf(plan, CONTROL_PLANE).ipv4)}`,
    `--advertise-client-urls=${ETCD_URL}`,
    `--listen-peer-urls=${ETCD_PEER_URL}`,
    `--initial-advertise-peer-urls=${ETCD_PEER_URL}`,
    `--initial-cluster=default=${ETCD_PEER_URL}`,
    '--unsafe-no-fsync=true',
    '--log-level=warn',
  ]);
  components.start('kube-apiserver', CONTROL_PLANE, [
    join(assets, 'kube-apiserver'),
    ...serverFlags(options),
  ]);
}

/** Where one kube-apiserver is, and its etcd. */
export interface ServerPlace {
  /** Default: the control-plane host's IPv4 address for both. */
  readonly listen?: { readonly bind: string; readonly advertise: string };
  /** Default: on the same host. */
  readonly etcd?: string;
}

/** The flags of kube-apiserver. Pure. */
export function serverFlags(options: ControlPlaneOptions & ServerPlace): string[] {
  const { plan, credentials, dataDir, etcd = ETCD_URL } = options;
  const { pki } = credentials;
  const address = hostOf(plan, CONTROL_PLANE).ipv4;
  const { bind, advertise } = options.listen ?? { bind: address, advertise: address };
  return [
    `--etcd-servers=${etcd}`,
    `--bind-address=${bind}`,
    `--advertise-address=${advertise}`,
    `--secure-port=${plan.apiServer.slice(plan.apiServer.lastIndexOf(':') + 1)}`,
    `--cert-dir=${join(dataDir, 'apiserver')}`,
    `--tls-cert-file=${pki.serverCertificateFile}`,
    `--tls-private-key-file=${pki.serverKeyFile}`,
    `--client-ca-file=${pki.caCertificateFile}`,
    `--token-auth-file=${credentials.tokenFile}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    `--service-cluster-ip-range=${plan.serviceCidrs.join(',')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki.serviceAccountPublicKeyFile}`,
    `--service-account-signing-key-file=${pki.serviceAccountKeyFile}`,
    // A lab is stopped without notice; nothing may wait for a polite end.
    '--shutdown-delay-duration=0s',
    ...options.extraServerArgs,
  ];
}
