// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { ENDPOINT_SLICES, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { podNamespaces } from '@fairlead/test-lab/kubelet/pod-network.ts';
import { inHost } from '@fairlead/test-lab/network/apply.ts';
import { CLIENT, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { runOrThrow } from '@fairlead/test-lab/process/run.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { agentStatus } from './agent-status.ts';
import { Cluster } from './fixture.ts';
import { isReady } from './stage.ts';

/** Whatever the turns, a back end of three that is used gets some of so many. */
const REQUESTS = 12;
/** Without it the kubelet would find out by itself, and Kubernetes would call the pod unready. */
const NO_READINESS_PROBE = [
  { op: 'remove', path: '/spec/template/spec/containers/0/readinessProbe' },
] as const;
/** Everything that comes for the pod is lost. */
const SWALLOW =
  'add table inet mute; add chain inet mute in { type filter hook input priority 0; policy drop; }';

/** A pod of the application. */
interface Place {
  readonly name: string;
  readonly node: string;
  readonly address: string;
}

/** Pods that are dead while Kubernetes calls them ready, as the client of a Service with a health check meets them. */
describe('health checks', () => {
  let cluster: Cluster;
  let pods: readonly Place[];
  /** Another one for each test: Events outlive their Service. */
  let service = '';

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, ipv6: false });
    await cluster.setPools({ 'range-global': '172.18.0.130-172.18.0.199' });
    const deployment = 'deployment/echo-app-deployment';
    await cluster.stage.kubectl([
      'patch',
      deployment,
      '--type=json',
      '-p',
      JSON.stringify(NO_READINESS_PROBE),
    ]);
    await cluster.stage.kubectl(['rollout', 'status', deployment, '--timeout=60s']);
    pods = (await cluster.stage.waitForPods(3)).map(({ metadata, spec, status }) => ({
      name: metadata?.name ?? '',
      node: spec?.nodeName ?? '',
      address: status?.podIP ?? '',
    }));
  });
  afterEach(() => cluster.remove(service));
  afterAll(() => cluster?.stop());

  const expose = async (name: string, annotations: Readonly<Record<string, string>>) => {
    service = name;
    await cluster.expose(name, {}, annotations);
    return await cluster.addressOf(name);
  };
  /** Pods that answered, one request after the other; undefined for one without an answer. */
  const ask = async (address: string): Promise<readonly (string | undefined)[]> => {
    const answers: (string | undefined)[] = [];
    for (let request = 0; request < REQUESTS; request++) {
      const argv = ['curl', '-sf', '-m', '0.5', `http://${address}/`];
      const { stdout } = await cluster.lab.exec(CLIENT, argv);
      answers.push(/^pod=(\S+)/.exec(stdout)?.[1]);
    }
    return answers;
  };
  const reaches = (address: string, wanted: readonly Place[]) =>
    cluster.lab.waitFor(
      async () => {
        const answers = await ask(address);
        return (
          answers.every((name) => wanted.some((pod) => pod.name === name)) &&
          wanted.every(({ name }) => answers.includes(name))
        );
      },
      { what: `answers from ${wanted.map(({ name }) => name).join(', ')} only`, timeoutMs: 30_000 },
    );
  /** What all agents say of an endpoint together: they learn it at different times. */
  const saidOf = async ({ address }: Place) => {
    const workers = nodesOf(cluster.lab.plan).filter(({ role }) => role === 'worker');
    const reports = await Promise.all(workers.map(({ name }) => agentStatus(cluster.lab, name)));
    return reports.flatMap(({ endpoints }) =>
      endpoints.filter(({ endpoint }) => endpoint.endsWith(`/${address}`)),
    );
  };
  const calledReady = async ({ name, address }: Place) => {
    const pod = await cluster.client.get(PODS, { namespace: 'default', name });
    const { items } = await cluster.client.list(ENDPOINT_SLICES, { namespace: 'default' });
    const entries = items
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === service)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ addresses }) => addresses.includes(address));
    return (
      isReady(pod) && entries.length > 0 && entries.every(({ conditions }) => conditions?.ready === true)
    );
  };
  const firstPod = () => {
    const [dead, ...living] = pods;
    if (dead === undefined) throw new Error('no pods');
    return { dead, living };
  };

  it.each(['nat', 'dsr'])(
    'leave out a pod that accepts connections and never answers (%s)',
    async (forwarding) => {
      const { dead, living } = firstPod();
      const check = { [ANNOTATION.healthCheck]: 'http', [ANNOTATION.forwarding]: forwarding };
      const address = await expose(`web-${forwarding}`, check);
      await reaches(address, pods);
      await cluster.lab.freezePod(dead);
      try {
        await reaches(address, living);
        expect(await calledReady(dead)).toBe(true);
        const words = new RegExp(
          `the health check fails on ${dead.address}:80; new connections go to the others`,
        );
        expect((await cluster.warningAbout(service, words)).reason).toBe('EndpointsDead');
        const said = { service: `default/${service}`, state: 'down', detail: 'no answer within 250 ms' };
        expect(await saidOf(dead)).toContainEqual(expect.objectContaining(said));
      } finally {
        await cluster.lab.thawPod(dead);
      }
      await reaches(address, pods);
      await cluster.lab.waitFor(async () => (await saidOf(dead)).every(({ state }) => state === 'up'), {
        what: `all agents to know that ${dead.name} is alive`,
      });
    },
  );

  it('leave out a pod that swallows everything', async () => {
    const { dead, living } = firstPod();
    const address = await expose('web-muted', { [ANNOTATION.healthCheck]: 'tcp' });
    await reaches(address, pods);
    const [namespace = ''] = podNamespaces(`${dead.node}-${dead.name}-`);
    await runOrThrow(inHost(namespace, ['nft', SWALLOW]));
    try {
      await reaches(address, living);
      expect(await calledReady(dead)).toBe(true);
    } finally {
      await runOrThrow(inHost(namespace, ['nft', 'delete table inet mute']));
    }
    await reaches(address, pods);
  });

  it('believe Kubernetes where they fail everywhere, and tell', async () => {
    const check = { [ANNOTATION.healthCheck]: 'http', [ANNOTATION.healthCheckPath]: '/no-such-page' };
    const address = await expose('web-doubted', check);
    await cluster.warningAbout(service, /all that serve 80\/tcp; new connections still go there/);
    await reaches(address, pods);
    const said = await Promise.all(pods.map(saidOf));
    expect(said.flat().map(({ detail }) => detail)).toContain('status 404');
  });
});
