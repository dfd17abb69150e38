// SPDX-License-Identifier: Apache-2.0
/** A whole cluster: it comes up, its verbs on pods and nodes show in the API and on the wire, and it goes without trace. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab.ts';
import { listProcesses } from './process/proc.ts';

/** Shorter than in Kubernetes, so that the loss of a node shows within the patience of a test. */
const GRACE_PERIOD_MS = 4_000;

const ECHO = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'echo' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'echo' } },
    template: {
      metadata: { labels: { app: 'echo' } },
      spec: {
        containers: [
          {
            name: 'echo',
            image: 'echo-app:latest',
            ports: [{ containerPort: 80 }],
            env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
            readinessProbe: {
              httpGet: { path: '/healthz', port: 80 },
              periodSeconds: 1,
              failureThreshold: 1,
            },
          },
        ],
      },
    },
  },
});

interface PodView {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses?: readonly { readonly ready: boolean; readonly restartCount: number }[];
  };
}

let lab: Lab;
let processesBefore: number;

beforeAll(async () => {
  processesBefore = listProcesses().length;
  lab = await Lab.start({
    workers: 2,
    keepLogs: true,
    nodeMonitorGracePeriodMs: GRACE_PERIOD_MS,
    extraKubeletArgs: ['--lease-renew-interval-ms', '1000', '--status-interval-ms', '1000'],
  });
});

afterAll(async () => {
  await lab?.stop();
});

async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const pods = async () =>
  (JSON.parse(await kubectl('get', 'pods', '-o', 'json')) as { items: PodView[] }).items;
const readyPods = async () => (await pods()).filter((pod) => pod.status.containerStatuses?.[0]?.ready);
const firstPod = async () => {
  const [pod] = await readyPods();
  if (pod === undefined) throw new Error('no pod is ready');
  return pod;
};

async function twoReadyPods(): Promise<void> {
  await lab.waitFor(async () => (await readyPods()).length === 2, { what: 'two ready pods' });
}

describe('the cluster', () => {
  it('shows its nodes to kubectl', async () => {
    const nodes = (await kubectl('get', 'nodes', '--no-headers')).trim().split('\n');
    expect(nodes.map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
      ['control-plane', 'Ready'],
      ['worker1', 'Ready'],
      ['worker2', 'Ready'],
    ]);
    expect(lab.apiServerVersion).toMatch(/^(embedded|v1\.\d+\.\d+.*)$/);
  });

  it('runs pods as processes that answer on their own addresses', async () => {
    expect((await lab.kubectl(['apply', '-f', '-'], { stdin: ECHO })).code).toBe(0);
    await twoReadyPods();
    const [first, second] = await readyPods();
    const from = first?.spec.nodeName ?? '';
    const { stdout } = await lab.exec(from, [
      'curl',
      '-s',
      '--max-time',
      '5',
      `http://${second?.status.podIP}/`,
    ]);
    expect(stdout).toContain(`pod=${second?.metadata.name}`);
    expect(lab.processes(from).length).toBeGreaterThanOrEqual(2);
    const logs = lab.podLogs().filter((log) => log.pod === second?.metadata.name);
    expect(logs).toMatchObject([{ node: second?.spec.nodeName, namespace: 'default', container: 'echo' }]);
    expect(lab.logTails()).toContain('echo: serving on port 80');
  });

  it('quotes the logs when a wait is in vain', async () => {
    const waiting = lab.waitFor(() => false, { what: 'a miracle', timeoutMs: 1 });
    await expect(waiting).rejects.toThrow(/waited 1 ms for a miracle[\s\S]*--- kubelet-worker1\n./);
  });
});

describe('faults of the API server', () => {
  it('are ordered from the lab where the server is the embedded one', async () => {
    if (lab.apiServerVersion !== 'embedded') {
      expect(() => lab.faults).toThrow('faults need the embedded API server');
      return;
    }
    await lab.faults.setRules([{ select: { resources: ['secrets'] }, status: 503 }]);
    expect((await lab.api.send('GET', '/api/v1/secrets')).status).toBe(503);
    await lab.faults.clear();
    expect((await lab.api.send('GET', '/api/v1/secrets')).status).toBe(200);
    expect(lab.journal.entries.at(-1)).toMatchObject({
      verb: 'fault',
      subject: 'api-server',
      detail: 'clear',
    });
  });
});

describe('verbs on pods', () => {
  it('kill one: its container starts again', async () => {
    const { metadata } = await firstPod();
    await lab.killPod({ name: metadata.name });
    await lab.waitFor(
      async () => {
        const pod = (await readyPods()).find((candidate) => candidate.metadata.name === metadata.name);
        return pod?.status.containerStatuses?.[0]?.restartCount === 1;
      },
      { what: `the restart of ${metadata.name}` },
    );
    expect(lab.journal.entries.at(-1)).toMatchObject({
      verb: 'pod-kill',
      subject: `default/${metadata.name}`,
    });
  });

  it('fail its readiness, and restore it', async () => {
    const { metadata } = await firstPod();
    await lab.failReadiness({ name: metadata.name });
    await lab.waitFor(async () => (await readyPods()).length === 1, { what: 'one pod less' });
    await lab.restoreReadiness({ name: metadata.name });
    await twoReadyPods();
  });

  it('name the pod that is not there', async () => {
    await expect(lab.killPod({ name: 'nobody' })).rejects.toThrow('pods \\"nobody\\" not found');
  });
});

describe('verbs on nodes', () => {
  it('a killed node is noticed by the cluster, and comes back with its pods at a reboot', {
    timeout: 60_000,
  }, async () => {
    await lab.kill('worker1');
    expect(lab.processes('worker1')).toEqual([]);
    const statusOf = async () => (await kubectl('get', 'node', 'worker1', '--no-headers')).split(/\s+/)[1];
    await lab.waitFor(async () => (await statusOf()) === 'NotReady', {
      what: 'worker1 to be NotReady',
      timeoutMs: 5 * GRACE_PERIOD_MS,
    });
    await lab.reboot('worker1');
    await lab.waitFor(async () => (await statusOf()) === 'Ready', { what: 'worker1 to be Ready again' });
    await twoReadyPods();
  });
});

describe('a start that cannot succeed', () => {
  it('says so at once', async () => {
    await expect(Lab.start({ workers: 1 })).rejects.toThrow('another lab runs');
  });
});

describe('stop', () => {
  it('leaves nothing, and a failing start leaves nothing either', { timeout: 60_000 }, async () => {
    const { workDir } = lab;
    await lab.stop();
    await lab.stop(); // harmless
    expect(existsSync(workDir)).toBe(false);
    const kept = readdirSync(lab.logDir);
    expect(kept).toEqual(
      expect.arrayContaining(['journal.jsonl', 'kube-apiserver.log', 'kubelet-worker1.log']),
    );
    expect(kept.filter((name) => name.startsWith('default_echo'))).toHaveLength(2);
    rmSync(lab.logDir, { recursive: true });
    expect(readdirSync('/run/netns')).toEqual([]);
    await lab.waitFor(() => listProcesses().length <= processesBefore, { what: 'the end of all processes' });

    const failing = Lab.start({ workers: 1, extraServerArgs: ['--no-such-flag'] });
    await expect(failing).rejects.toThrow(/kube-apiserver ended unexpectedly[\s\S]*no-such-flag/);
    expect(readdirSync('/run/netns')).toEqual([]);
    expect(readdirSync('/run/fairlead').filter((name) => name.startsWith('lab-'))).toEqual([]);
    expect(listProcesses().length).toBeLessThanOrEqual(processesBefore);
  });
});
