// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { hostByMac, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const FIRST = '172.18.0.200';
const SECOND = '172.18.0.201';
const ADDRESSES = 'kube-vip.io/loadbalancerIPs';
const INTERFACE = 'kube-vip.io/serviceInterface';
const IGNORE = 'kube-vip.io/ignore';
const SELECTOR = 'fairlead.io/node-selector';
const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** A second link on every worker, as a trunk would give them. */
const SECOND_LINK = 'ext0';
/** Questions without an answer after which an address counts as silent. */
const SILENT_PROBES = 12;
/** Answers in a row from one host after which it counts as the owner. */
const SETTLED_ANSWERS = 10;
const LIMIT_MS = 20_000;

interface InventedPod {
  readonly node: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Every edit of a Service is followed by running agents, judged from the client's wire. */
describe.each(['raft', 'lease'])('edits under way, %s', (engine) => {
  let cluster: Cluster;
  let observer: NeighborObserver;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_engine: engine } });
    await cluster.setPools({ 'range-global': '172.18.0.130-172.18.0.220' });
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors({ addresses: [FIRST, SECOND] });
    await cluster.expose('edited', {}, { [ADDRESSES]: FIRST });
    await cluster.answers(FIRST);
    await cluster.nextOwner(observer, FIRST);
  });

  afterEach(async () => {
    await cluster.remove('edited');
    await silent(FIRST);
    await silent(SECOND);
    for (const { name } of workers()) {
      await cluster.lab.waitFor(async () => (await cluster.addressesOnLo(name)).length === 0, {
        what: `no address of ours on ${name}`,
        timeoutMs: LIMIT_MS,
      });
    }
    await observer.stop();
    for (const address of [FIRST, SECOND]) {
      expect(observer.judge({ address }).longestTwoOwnersMs, `two owners of ${address}`).toBe(0);
    }
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const workers = () => nodesOf(cluster.lab.plan).filter(({ role }) => role === 'worker');

  const edit = (patch: Readonly<Record<string, unknown>>) =>
    cluster.client.patch(SERVICES, { namespace: 'default', name: 'edited' }, patch, { type: 'merge' });

  const annotate = (annotations: Readonly<Record<string, string | null>>) =>
    edit({ metadata: { annotations } });

  const label = (node: string, labels: Readonly<Record<string, string | null>>) =>
    cluster.client.patch(NODES, { name: node }, { metadata: { labels } }, { type: 'merge' });

  /** Waits until one host, none of `others`, has answered for the address for a while; its name. */
  const owner = async (address = FIRST, ...others: readonly string[]): Promise<string> => {
    const unwanted = new Set(others);
    return await answered(address, (mac) => {
      const host = hostByMac(cluster.lab.plan, mac)?.name;
      return host === undefined || unwanted.has(host) ? undefined : host;
    });
  };

  /**
   * Waits until the last questions were all answered from one hardware address that is accepted. For a while, because a
   * node that answers again right after another one did would be taken for a second owner.
   */
  async function answered<T>(address: string, accept: (mac: string) => T | undefined): Promise<T> {
    return await cluster.lab.waitFor(
      () => {
        const answers = observer.events.flatMap((event) =>
          event.kind === 'answer' && event.address === address ? [event.mac] : [],
        );
        const [mac = '', ...more] = answers.slice(-SETTLED_ANSWERS);
        if (more.length < SETTLED_ANSWERS - 1 || more.some((each) => each !== mac)) return undefined;
        return accept(mac);
      },
      { what: `one accepted host to answer for ${address}`, timeoutMs: LIMIT_MS },
    );
  }

  /** Waits until the last questions about the address were answered by nobody. */
  async function silent(address: string): Promise<void> {
    await cluster.lab.waitFor(
      () => {
        const last = observer.events.findLastIndex(
          (event) => event.kind === 'answer' && event.address === address,
        );
        const since = observer.events.slice(last + 1).filter(({ kind }) => kind === 'probe');
        return since.length >= SILENT_PROBES;
      },
      { what: `nobody to answer for ${address}`, timeoutMs: LIMIT_MS },
    );
  }

  /** Waits until the client gets no connection to a port any more. */
  async function refuses(address: string, port: number): Promise<void> {
    await cluster.lab.waitFor(
      async () => {
        const argv = ['curl', '-sf', '-o', '/dev/null', '-m', '0.5', `http://${address}:${port}/`];
        return (await cluster.lab.exec('client', argv)).code !== 0;
      },
      { what: `no answer from port ${port} of ${address}`, timeoutMs: LIMIT_MS },
    );
  }

  it('another address: the new one answers, the old one is silent, the status follows', async () => {
    await annotate({ [ADDRESSES]: SECOND });
    await cluster.answers(SECOND);
    await silent(FIRST);
    await cluster.lab.waitFor(async () => (await cluster.addressOf('edited')) === SECOND, {
      what: 'the new address in the status',
      timeoutMs: LIMIT_MS,
    });
    // One more beside it, and the first one away again.
    await annotate({ [ADDRESSES]: `${SECOND},${FIRST}` });
    await cluster.answers(FIRST);
    await cluster.commonOwner(observer, [FIRST, SECOND]);
    await annotate({ [ADDRESSES]: FIRST });
    await silent(SECOND);
    await cluster.answers(FIRST);
  });

  it('other ports', async () => {
    const port = (number: number, name: string) => ({ name, port: number, targetPort: 80, protocol: 'TCP' });
    await edit({ spec: { ports: [port(8080, 'http')] } });
    await cluster.answers(FIRST, 8080);
    await refuses(FIRST, 80);
    await edit({ spec: { ports: [port(80, 'http'), port(8081, 'more')] } });
    await cluster.answers(FIRST, 80);
    await cluster.answers(FIRST, 8081);
    await refuses(FIRST, 8080);
    expect(observer.judge({ address: FIRST }).changes).toHaveLength(1);
  });

  it('another policy, and readiness under it', async () => {
    const pods = await cluster.stage.waitForPods(3);
    const home = await owner();
    const here = pods.filter(({ spec }) => spec?.nodeName === home);
    await Promise.all(here.map(({ metadata }) => cluster.lab.failReadiness(podRef(metadata?.name))));
    try {
      await cluster.stage.waitForPods(3 - here.length);
      await cluster.answers(FIRST);
      expect(await owner()).toBe(home);
      await edit({ spec: { externalTrafficPolicy: 'Local' } });
      const next = await owner(FIRST, ...workers().flatMap(({ name }) => (hasPod(name) ? [] : [name])));
      expect(hasPod(next)).toBe(true);
      await cluster.answers(FIRST);
      await edit({ spec: { externalTrafficPolicy: 'Cluster' } });
      await cluster.nextOwner(observer, FIRST);
      // No fail-back only because it could be elsewhere again.
      expect(await owner()).toBe(next);
    } finally {
      await Promise.all(here.map(({ metadata }) => cluster.lab.restoreReadiness(podRef(metadata?.name))));
    }
    await cluster.stage.waitForPods(3);

    function hasPod(node: string): boolean {
      return pods.some(({ spec }) => spec?.nodeName === node && node !== home);
    }
  });

  it('another interface, by name and by subnet, and back', async () => {
    const macs = new Set<string>();
    for (const [index, { name }] of workers().entries()) macs.add(await addSecondLink(name, index));
    await annotate({ [INTERFACE]: SECOND_LINK });
    await answered(FIRST, (mac) => macs.has(mac) || undefined);
    await cluster.answers(FIRST);
    await annotate({ [INTERFACE]: 'auto' });
    await owner();
    await annotate({ [INTERFACE]: 'nowhere0' });
    await silent(FIRST);
    await cluster.warningAbout('edited', /nowhere0/);
    await annotate({ [INTERFACE]: null });
    await owner();
    await cluster.answers(FIRST);
  });

  it('another type, and another class on the way back', async () => {
    await edit({ spec: { type: 'ClusterIP' } });
    await silent(FIRST);
    await edit({ spec: { type: 'LoadBalancer', loadBalancerClass: 'example.org/other' } });
    await silent(FIRST);
    await edit({ spec: { type: 'ClusterIP', loadBalancerClass: null } });
    // Its address was given back with the type, so it asks for it again.
    await edit({ metadata: { annotations: { [ADDRESSES]: FIRST } }, spec: { type: 'LoadBalancer' } });
    await cluster.answers(FIRST);
    await owner();
  });

  it('ignored, and no longer', async () => {
    await annotate({ [IGNORE]: 'true' });
    await silent(FIRST);
    await annotate({ [IGNORE]: 'false' });
    await cluster.answers(FIRST);
    await owner();
  });

  it('a common Lease, and back to its own: nothing moves', async () => {
    const home = await owner();
    await annotate({ 'kube-vip.io/leaseName': 'team' });
    await cluster.nextOwner(observer, FIRST);
    await annotate({ 'kube-vip.io/leaseName': null });
    await cluster.nextOwner(observer, FIRST);
    const { changes, zeroOwners } = observer.judge({ address: FIRST });
    expect(changes.map(({ from }) => from)).toEqual([undefined]);
    expect(zeroOwners).toEqual([]);
    expect(await owner()).toBe(home);
  });

  it('other pods: none, and again some', async () => {
    await edit({ spec: { selector: { app: 'nobody' } } });
    await silent(FIRST);
    await cluster.warningAbout('edited', /no endpoint is ready/);
    await edit({ spec: { selector: { app: 'echo-app' } } });
    await cluster.answers(FIRST);
    await owner();
  });

  it('more than a hundred pods in several slices, ready ones before those that terminate', async () => {
    const [one = '', two = '', three = ''] = workers().map(({ name }) => name);
    await cluster.expose('sliced', { selector: {}, externalTrafficPolicy: 'Local' }, { [ADDRESSES]: SECOND });
    const away = { ready: false, serving: false, terminating: false };
    const filler = (node: string) => Array.from({ length: 100 }, () => ({ node, ...away }));
    try {
      await putSlice('sliced-a', [{ node: one, ...away, ready: true, serving: true }]);
      await putSlice('sliced-b', filler(two));
      await putSlice('sliced-c', filler(three));
      expect(await owner(SECOND)).toBe(one);
      await putSlice('sliced-c', [...filler(three), { node: three, ...away, ready: true, serving: true }]);
      await putSlice('sliced-a', [{ node: one, ready: false, serving: true, terminating: true }]);
      expect(await owner(SECOND, one)).toBe(three);
      await cluster.client.remove(ENDPOINT_SLICES, { namespace: 'default', name: 'sliced-c' });
      expect(await owner(SECOND, three)).toBe(one);
      await putSlice('sliced-a', [{ node: one, ready: false, serving: false, terminating: true }]);
      await silent(SECOND);
    } finally {
      await cluster.remove('sliced');
      await cluster.lab.kubectl(['delete', 'endpointslices', '-l', 'kubernetes.io/service-name=sliced']);
    }
  });

  it('a node selector, and other labels of nodes', async () => {
    const home = await owner();
    const [other = '', third = ''] = workers().flatMap(({ name }) => (name === home ? [] : [name]));
    await label(other, { site: 'south' });
    try {
      await annotate({ [SELECTOR]: 'site=south' });
      expect(await owner(FIRST, home)).toBe(other);
      await label(other, { site: null });
      await label(third, { site: 'south' });
      expect(await owner(FIRST, home, other)).toBe(third);
      await annotate({ [SELECTOR]: 'site ==' });
      await label(third, { site: null });
      await silent(FIRST);
      await cluster.warningAbout('edited', /no node/);
      await annotate({ [SELECTOR]: null });
      await cluster.answers(FIRST);
    } finally {
      for (const { name } of workers()) await label(name, { site: null });
    }
  });

  it('a node that is kept from load balancers hands over', async () => {
    const home = await owner();
    await label(home, { [EXCLUDE]: '' });
    try {
      const next = await owner(FIRST, home);
      await cluster.answers(FIRST);
      await label(home, { [EXCLUDE]: null });
      await cluster.nextOwner(observer, FIRST);
      expect(await owner()).toBe(next);
      expect(observer.judge({ address: FIRST }).changes).toHaveLength(2);
    } finally {
      await label(home, { [EXCLUDE]: null });
    }
  });

  /** Creates or replaces a slice of the Service `sliced`, with invented pods. */
  async function putSlice(name: string, pods: readonly InventedPod[]): Promise<void> {
    const ref = { namespace: 'default', name };
    const present = await cluster.find(ENDPOINT_SLICES, ref);
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...ref, labels: { 'kubernetes.io/service-name': 'sliced' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      endpoints: pods.map(({ node, ...conditions }, index) => ({
        addresses: [`10.99.${name.charCodeAt(name.length - 1)}.${index + 1}`],
        nodeName: node,
        conditions,
      })),
    };
    if (present === undefined) await cluster.client.create(ENDPOINT_SLICES, slice);
    else await cluster.client.replace(ENDPOINT_SLICES, { ...slice, metadata: present.metadata ?? ref });
  }

  /** A link of its own MAC on the same switch; returns the MAC. */
  async function addSecondLink(node: string, index: number): Promise<string> {
    const mac = `02:fa:1d:00:00:${(index + 1).toString(16).padStart(2, '0')}`;
    const { stdout } = await cluster.lab.exec(node, ['ip', '-o', 'link']);
    if (stdout.includes(`${SECOND_LINK}@`)) return mac;
    for (const argv of [
      ['ip', 'link', 'add', SECOND_LINK, 'link', 'eth0', 'address', mac, 'type', 'macvlan', 'mode', 'bridge'],
      ['sysctl', '-qw', `net.ipv4.conf.${SECOND_LINK}.rp_filter=0`, 'net.ipv4.conf.all.rp_filter=0'],
      ['ip', 'link', 'set', SECOND_LINK, 'up'],
    ]) {
      const { code, stderr } = await cluster.lab.exec(node, argv);
      if (code !== 0) throw new Error(`${argv.join(' ')} on ${node} ended with ${code}: ${stderr}`);
    }
    return mac;
  }
});

function podRef(name: string | undefined): { readonly namespace: string; readonly name: string } {
  return { namespace: 'default', name: name ?? '' };
}
