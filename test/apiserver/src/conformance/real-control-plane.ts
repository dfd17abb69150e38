// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPki } from '../pki.ts';
import { createHttpCaller } from './http-caller.ts';
import type { Caller } from './run.ts';

/** A real `kube-apiserver` with its `etcd`, on loopback. */
export interface RealControlPlane {
  readonly caller: Caller;
  stop(): Promise<void>;
}

const TOKEN = 'conformance-token';
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/** Starts both programs from an assets folder (`KUBEBUILDER_ASSETS`). Throws with the server's log when it does not come up. */
export async function startRealControlPlane(assets: string): Promise<RealControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-conformance-'));
  const pki = await createPki({ directory: join(directory, 'pki'), hosts: ['127.0.0.1'] });
  const tokens = join(directory, 'tokens.csv');
  await writeFile(tokens, `${TOKEN},admin,admin,"system:masters"\n`);
  const [clientPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const etcd = launch(join(assets, 'etcd'), [
    ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...[
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
    ],
  ]);
  const server = launch(join(assets, 'kube-apiserver'), [
    `--etcd-servers=${client}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    // The address of the `kubernetes` Endpoints; loopback is not allowed there, and nobody connects to it.
    '--advertise-address=10.255.0.1',
    `--tls-cert-file=${pki.serverCertificateFile}`,
    `--tls-private-key-file=${pki.serverKeyFile}`,
    '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki.serviceAccountPublicKeyFile}`,
    `--service-account-signing-key-file=${pki.serviceAccountKeyFile}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${tokens}`,
  ]);
  const stop = async (): Promise<void> => {
    await server.stop();
    await etcd.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const caCertificate = await readFile(pki.caCertificateFile, 'utf8');
  const caller = createHttpCaller({ url: `https://127.0.0.1:${port}`, caCertificate, token: TOKEN });
  try {
    await ready(caller, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { caller, stop };
}

interface Program {
  readonly process: ChildProcess;
  log(): string;
  stop(): Promise<void>;
}

function launch(file: string, args: readonly string[]): Program {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      lines.push(chunk.toString('utf8'));
      if (lines.length > 200) lines.shift();
    });
  }
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      lines.push(String(error));
      resolve();
    });
  });
  return {
    process: child,
    log: () => lines.join(''),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function ready(caller: Caller, server: Program): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let last = 'no answer yet';
  while (performance.now() < deadline && server.process.exitCode === null) {
    try {
      // The server makes this Service a moment after it is ready; cases expect its address to be taken.
      const path = '/api/v1/namespaces/default/services/kubernetes';
      const { code } = await caller.call('GET', path, 'application/json', undefined);
      if (code === 200) return;
      last = `status ${code}`;
    } catch (error) {
      last = String(error);
    }
    await sleep(POLL_MS);
  }
  throw new Error(
    `kube-apiserver did not become ready (${last}); its log ends with:\n${server.log().slice(-4000)}`,
  );
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}
