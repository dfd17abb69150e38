// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Faults } from '@fairlead/test-apiserver/faults/faults.ts';
import { renderKubeconfig } from '@fairlead/test-apiserver/kubeconfig.ts';
import { createPki } from '@fairlead/test-apiserver/pki.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { connect } from '../connect.ts';

/** An API server for the fault tests; they do not know which one they got. */
export interface FaultServer {
  readonly port: number;
  /** Kubeconfig text of an administrator, for the server behind any port of the loopback. */
  kubeconfig(port: number): string;
  /** Faults that only the embedded server can make. */
  readonly faults?: Faults;
  /** Stops it, keeps its data, and starts it again on the same port. */
  restart(downMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The embedded API server, in this process. */
export async function startEmbeddedServer(): Promise<FaultServer> {
  const server = await createApiServer();
  const token = server.token();
  return {
    port: server.port,
    kubeconfig: (port) => kubeconfigFor(port, server.caCertificate, token),
    faults: server.faults,
    restart: (downMs) => server.faults.restart(downMs),
    close: () => server.close(),
  };
}

/** etcd and kube-apiserver from the folder `assets`; `extraArgs` go to kube-apiserver. */
export async function startRealServer(
  assets: string,
  extraArgs: readonly string[] = [],
): Promise<FaultServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'control-plane-'));
  const pki = await createPki({ directory: folder, hosts: ['127.0.0.1'] });
  const [port, etcdPort, peerPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const tokenFile = path.join(folder, 'tokens');
  await writeFile(tokenFile, 'secret,admin,admin,"system:masters"\n');
  const etcd = startProgram(path.join(assets, 'etcd'), [
    `--data-dir=${path.join(folder, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync=true',
    '--log-level=error',
  ]);
  const startApiServer = () =>
    startProgram(path.join(assets, 'kube-apiserver'), [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${pki.serverCertificateFile}`,
      `--tls-private-key-file=${pki.serverKeyFile}`,
      `--token-auth-file=${tokenFile}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${pki.serviceAccountPublicKeyFile}`,
      `--service-account-signing-key-file=${pki.serviceAccountKeyFile}`,
      '--shutdown-delay-duration=0s',
      ...extraArgs,
    ]);
  const kubeconfig = (at: number) => kubeconfigFor(at, pki.caCertificate, 'secret');
  let apiServer = startApiServer();
  await ready(kubeconfig(port), folder);
  return {
    port,
    kubeconfig,
    async restart(downMs) {
      await end(apiServer, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, downMs));
      apiServer = startApiServer();
      await ready(kubeconfig(port), folder);
    },
    async close() {
      await Promise.all([end(apiServer, 'SIGKILL'), end(etcd, 'SIGKILL')]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function kubeconfigFor(port: number, caCertificate: string, token: string): string {
  return renderKubeconfig({ server: `https://127.0.0.1:${port}`, caCertificate, user: 'admin', token });
}

function startProgram(file: string, args: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: 'ignore' });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

/** Waits until the server says it is ready, for a minute at most. */
async function ready(kubeconfig: string, folder: string): Promise<void> {
  const file = path.join(folder, 'kubeconfig');
  await writeFile(file, kubeconfig);
  const client = await connect({ kubeconfig: file });
  try {
    for (let tries = 0; ; tries += 1) {
      try {
        await client.getText('/readyz', { timeoutMs: 1_000 });
        return;
      } catch (error) {
        if (tries > 600) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  } finally {
    client.close();
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
