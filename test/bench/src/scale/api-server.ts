// SPDX-License-Identifier: Apache-2.0
/**
 * An API server in processes of its own, which writes an audit log: the embedded one, or a real kube-apiserver with its
 * etcd when `KUBEBUILDER_ASSETS` names a folder that holds them.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { startRealServer } from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { renderKubeconfig } from '@fairlead/test-apiserver/kubeconfig.ts';
import { chooseAssets } from '@fairlead/test-lab/control-plane/control-plane.ts';
import { AuditReader } from './audit.ts';

/** A running API server with an empty cluster. */
export interface ApiServer {
  /** `embedded`, or the version of the real one. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly caCertificate: string;
  /** File for administrators' tools. */
  readonly kubeconfig: string;
  /** An administrator without a rate limit of its own. */
  readonly admin: KubeClient;
  readonly audit: AuditReader;
  stop(): Promise<void>;
}

interface ServerProcess {
  readonly port: number;
  readonly kubeconfigText: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const UNLIMITED = 1_000_000;
const EMBEDDED = fileURLToPath(import.meta.resolve('@fairlead/test-apiserver/main.ts'));
const SERVICE_CIDR = '10.96.0.0/16';

/** Starts the server that the environment chooses. */
export async function startApiServer(): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
  const auditLog = join(folder, 'audit.log');
  const assets = chooseAssets('auto', process.env.KUBEBUILDER_ASSETS);
  const server =
    assets === undefined ? await embedded(folder, auditLog) : await real(assets, folder, auditLog);
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, server.kubeconfigText, { mode: 0o600 });
  const admin = await connect({
    kubeconfig,
    userAgent: 'bench',
    qps: UNLIMITED,
    burst: UNLIMITED,
    requestTimeoutMs: 60_000,
  });
  return {
    version: assets === undefined ? 'embedded' : await versionOf(admin),
    host: HOST,
    port: server.port,
    caCertificate: authorityIn(server.kubeconfigText),
    kubeconfig,
    admin,
    audit: new AuditReader(auditLog),
    async stop() {
      admin.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function embedded(folder: string, auditLog: string): Promise<ServerProcess> {
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'bench,admin,admin,"system:masters"\n', { mode: 0o600 });
  const flags = [
    ...['--host', HOST, '--port', '0', '--pki-dir', join(folder, 'pki'), '--token-file', tokens],
    ...['--service-cluster-ip-range', SERVICE_CIDR, '--audit-log-path', auditLog, '--exit-with-stdin'],
  ];
  const child = spawn(process.execPath, [EMBEDDED, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`the embedded API server ended with ${code}`)));
  });
  const { url, ca } = JSON.parse(line) as { url: string; ca: string };
  const caCertificate = await readFile(ca, 'utf8');
  return {
    port: Number(new URL(url).port),
    kubeconfigText: renderKubeconfig({ server: url, caCertificate, user: 'admin', token: 'bench' }),
    async close() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function real(assets: string, folder: string, auditLog: string): Promise<ServerProcess> {
  const policy = join(folder, 'audit-policy.json');
  await writeFile(policy, JSON.stringify(AUDIT_POLICY));
  const server = await startRealServer(assets, [
    // For the Endpoints of the Service `kubernetes`: loopback, all that there is here, is not allowed in them.
    '--advertise-address=10.255.0.1',
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${auditLog}`,
    // Written before the answer is sent; a buffered log may drop lines under load.
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=10000',
  ]);
  return {
    port: server.port,
    kubeconfigText: server.kubeconfig(server.port),
    close: () => server.close(),
  };
}

/** Only programs under a service account: the load generator is not what is counted. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};

async function versionOf(admin: KubeClient): Promise<string> {
  const { gitVersion } = JSON.parse(await admin.getText('/version')) as { gitVersion: string };
  return gitVersion;
}

function authorityIn(kubeconfig: string): string {
  const config = JSON.parse(kubeconfig) as {
    clusters: [{ cluster: { 'certificate-authority-data': string } }];
  };
  return Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString('utf8');
}
