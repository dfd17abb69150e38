// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GROUP_ANNOTATION, GROUP_LEASE_NAME } from '@fairlead/agent/ownership/raft/group-lease.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { DAEMON_SETS, EVENTS, LEASES, SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import { chooseAssets } from '@fairlead/test-lab/control-plane/control-plane.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Cluster } from '../fixture.ts';
import { isRolledOut } from '../install.ts';
import type { Stage } from '../stage.ts';
import { renderChart } from './chart.ts';

const NAMESPACE = 'kube-system';
const DAEMON_SET = { namespace: NAMESPACE, name: 'kube-vip-ds' };

/** The chart as somebody installs it who wants our data plane. */
const VALUES = {
  image: { tag: 'dev' },
  pools: { 'range-global': '172.18.0.200-172.18.0.220' },
  agent: { balance: 'nftables', profiles: { nftables: true } },
  groupKey: { method: 'job' },
};

/** As Helm does it: what has the hook comes first and is waited for. */
async function installChart(stage: Stage): Promise<void> {
  const objects = renderChart({ values: VALUES });
  const isHook = ({ metadata }: KubeObject): boolean => metadata?.annotations?.['helm.sh/hook'] !== undefined;
  const apply = (some: readonly KubeObject[]) =>
    stage.kubectl(['apply', '-f', '-'], { stdin: some.map((each) => stringify(each)).join('---\n') });
  await apply(objects.filter(isHook));
  const job = ['-n', NAMESPACE, 'job/fairlead-group-key'];
  await stage.kubectl(['wait', '--for=condition=Complete', '--timeout=60s', ...job]);
  await apply(objects.filter((object) => !isHook(object)));
  await stage.until(DAEMON_SETS, DAEMON_SET, isRolledOut, 60_000);
}

/** Rights that the test gives no occasion to use. */
const SELDOM: Readonly<Record<string, readonly string[]>> = {
  // `agent status`, and Events that are told again.
  'kube-vip': ['get nodes', 'patch events'],
  // `cloud-provider pools`; and after a conflict.
  'kube-vip-cloud-controller': ['get services', 'patch events', 'get configmaps'],
  'fairlead-group-key': [],
};

/** What the roles of a service account allow, as `verb resource`. */
function rightsOf(account: string): readonly string[] {
  const objects = renderChart({ values: VALUES }) as readonly (KubeObject & Role & Binding)[];
  const roles = objects
    .filter(({ subjects = [] }) => subjects.some(({ name }) => name === account))
    .map(({ roleRef }) => roleRef?.name);
  const rules = objects.flatMap((object) =>
    roles.includes(object.metadata?.name) ? (object.rules ?? []) : [],
  );
  return rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
  );
}

interface Role {
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

interface Binding {
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

/** Flags of either API server for a log of all requests. */
async function auditArgs(folder: string): Promise<readonly string[]> {
  const log = `--audit-log-path=${join(folder, 'log')}`;
  if (chooseAssets('auto', process.env.KUBEBUILDER_ASSETS) === undefined) return [log];
  const policy = join(folder, 'policy.json');
  const content = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
  await writeFile(policy, JSON.stringify(content));
  return [log, `--audit-policy-file=${policy}`, '--audit-log-mode=blocking'];
}

interface Request {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly code: number;
}

async function auditOf(folder: string): Promise<readonly Request[]> {
  const lines = (await readFile(join(folder, 'log'), 'utf8'))
    .split('\n')
    .filter((line) => line.endsWith('}'));
  return lines.flatMap((line) => {
    const { stage, verb, user, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    const { resource = '', subresource } = objectRef ?? {};
    if (stage !== 'ResponseComplete') return [];
    const name = subresource ? `${resource}/${subresource}` : resource;
    return { user: user.username, verb, resource: name, code: responseStatus?.code ?? 0 };
  });
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

/** Both programs with exactly the rights of the chart, installed as it says. */
describe('an installed chart', () => {
  let cluster: Cluster;
  /** Of the audit log. */
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-audit-'));
    cluster = await Cluster.start({
      workers: 3,
      install: installChart,
      extraServerArgs: await auditArgs(folder),
    });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  it('has made a key that no second run replaces', async () => {
    const ref = { namespace: NAMESPACE, name: 'fairlead-group' };
    const { data } = await cluster.client.get(SECRETS, ref);
    expect(Buffer.from(data?.key ?? '', 'base64').toString()).toMatch(/^[0-9a-f]{64}$/);
    await cluster.stage.kubectl(['delete', '-n', NAMESPACE, 'job/fairlead-group-key']);
    const job = renderChart({ values: VALUES }).find(({ kind }) => kind === 'Job');
    await cluster.stage.kubectl(['apply', '-f', '-'], { stdin: stringify(job) });
    await cluster.stage.kubectl(
      'wait --for=condition=Complete --timeout=60s -n kube-system job/fairlead-group-key'.split(' '),
    );
    expect((await cluster.client.get(SECRETS, ref)).data).toEqual(data);
    expect(logs('fairlead-group-key')).toContain('is there already');
  });

  it('has prepared the nodes before the agents', () => {
    const prepared = logs('kube-vip-ds').match(/net\.ipv4\.ip_forward(=| is )1/g) ?? [];
    expect(prepared).toHaveLength(3);
  });

  it('serves, and hands over before each agent stops when all are restarted one after the other', async () => {
    await cluster.expose('echo');
    const address = await cluster.addressOf('echo');
    await cluster.answers(address);
    const group = { namespace: NAMESPACE, name: GROUP_LEASE_NAME };
    const engine = async () => (await cluster.client.get(LEASES, group)).metadata?.annotations;
    await expect.poll(engine, { timeout: 60_000 }).toMatchObject({ [GROUP_ANNOTATION.engine]: 'raft' });
    const observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    await cluster.nextOwner(observer, address);
    await cluster.stage.kubectl(['rollout', 'restart', '-n', NAMESPACE, 'daemonset/kube-vip-ds']);
    await cluster.agentsReady();
    await cluster.nextOwner(observer, address);
    await cluster.answers(address);
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    // The owner was restarted, so there was a move at least, and an agent that goes without a word counts as lost.
    const moves = async () => (await eventTexts()).filter((text) => text.includes('before: '));
    await expect.poll(moves, { timeout: 10_000 }).not.toEqual([]);
    for (const text of await moves()) expect(text).not.toContain('was lost');
  });

  it('is refused nothing by the API server, and has no right that it does not use', async () => {
    // Watches are written down when they end.
    await cluster.stage.kubectl(['delete', 'pods', '-n', NAMESPACE, '-l', 'app=kube-vip', '--wait=false']);
    const requests = async () => (await auditOf(folder)).filter(({ user }) => user.endsWith('controller'));
    await expect
      .poll(requests, { timeout: 30_000 })
      .toContainEqual(expect.objectContaining({ verb: 'watch' }));
    const audit = await auditOf(folder);
    expect(audit.filter(({ code }) => code === 403)).toEqual([]);
    const unused = ['kube-vip', 'kube-vip-cloud-controller', 'fairlead-group-key'].map((account) => {
      const own = audit.filter(({ user }) => user === `system:serviceaccount:${NAMESPACE}:${account}`);
      const used = new Set(own.map(({ verb, resource }) => `${verb} ${resource}`));
      return [account, rightsOf(account).filter((right) => !used.has(right))];
    });
    expect(Object.fromEntries(unused)).toEqual(SELDOM);
  });

  async function eventTexts(): Promise<readonly string[]> {
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    return items.map(({ message }) => message ?? '');
  }

  /** What all containers of these pods wrote, those of pods that are gone included. */
  function logs(pods: string): string {
    return cluster.lab
      .podLogs()
      .filter(({ pod }) => pod.startsWith(pods))
      .map(({ file }) => readFileSync(file, 'utf8'))
      .join('\n');
  }
});
