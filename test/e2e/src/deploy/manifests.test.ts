// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { startRealServer } from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CHART, objectsOf, type RenderOptions, renderChart } from './chart.ts';
import type { ValueMap } from './template/functions.ts';

const DEPLOY = fileURLToPath(new URL('../../../../deploy', import.meta.url));
const KUSTOMIZE = join(DEPLOY, 'kustomize');
const ASSETS = process.env.KUBEBUILDER_ASSETS ?? '';
const run = promisify(execFile);

/** Everything that can be switched on, and every value that is written somewhere. */
const ALL_ON: RenderOptions = {
  namespace: 'kube-public',
  values: {
    image: { registry: 'registry.example/mirror', tag: 'v1', pullPolicy: 'Always', pullSecrets: ['pull'] },
    pools: { 'range-global': '192.0.2.10-192.0.2.20', 'cidr-shop': '2001:db8::/112' },
    cloudProvider: {
      replicas: 2,
      writeServiceConfigMaps: true,
      extraArgs: ['--v=2'],
      env: { NODE_OPTIONS: null, SOME_SWITCH: true, SOME_NUMBER: 60000000 },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      podAnnotations: { note: 'a "quoted" one' },
    },
    agent: {
      engine: 'lease',
      balance: 'ipvs',
      nodeLabeling: true,
      controlPlane: { enabled: true, address: '192.0.2.5,2001:db8::5' },
      env: { vip_loglevel: -4, dns_mode: null },
      profiles: { nftables: true, ipvs: true, synProxy: true, lowPorts: true },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      affinity: { nodeAffinity: {} },
      maxUnavailable: '10%',
    },
    groupKey: { method: 'job', secretName: 'other-key' },
    starboard: { enabled: true, env: { vip_loglevel: '0' } },
  },
};

/** `.yaml` files right in deploy/ that are manifests. */
const MANIFESTS = readdirSync(DEPLOY).filter(
  (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
);
const COMPONENTS = readdirSync(KUSTOMIZE).sort();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-deploy-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Does this machine's kubectl have a kustomize that knows components (kubectl 1.21)? */
const hasComponents = await run('kubectl', ['version', '--client', '-o', 'json']).then(
  ({ stdout }) => {
    const { clientVersion } = JSON.parse(stdout) as { clientVersion: { minor: string } };
    return Number.parseInt(clientVersion.minor, 10) >= 21;
  },
  () => false,
);

/** What `kubectl kustomize` makes of the base with these components. */
async function kustomize(components: readonly string[] = []): Promise<readonly KubeObject[]> {
  const overlay = await mkdtemp(join(folder, 'overlay-'));
  const content = {
    resources: [relative(overlay, DEPLOY)],
    components: components.map((name) => relative(overlay, join(KUSTOMIZE, name))),
  };
  await writeFile(join(overlay, 'kustomization.yaml'), stringify(content));
  return objectsOf((await run('kubectl', ['kustomize', overlay])).stdout);
}

function manifest(file: string): readonly KubeObject[] {
  return objectsOf(readFileSync(join(DEPLOY, file), 'utf8'));
}

/** Everything that is installed in some way, by where it comes from. */
function everything(): Promise<ReadonlyMap<string, readonly KubeObject[]>> {
  found ??= collect();
  return found;
}

let found: ReturnType<typeof collect> | undefined;

async function collect(): Promise<ReadonlyMap<string, readonly KubeObject[]>> {
  const all = new Map<string, readonly KubeObject[]>(MANIFESTS.map((file) => [file, manifest(file)]));
  all.set('chart', renderChart());
  all.set('chart, all on', renderChart(ALL_ON));
  if (hasComponents) {
    all.set('kustomize', await kustomize());
    for (const name of COMPONENTS) all.set(`kustomize ${name}`, await kustomize([name]));
  }
  return all;
}

describe.each([
  { server: 'embedded', start: startEmbedded, isThere: true },
  { server: 'real', start: startReal, isThere: existsSync(join(ASSETS, 'kube-apiserver')) && ASSETS !== '' },
])('the $server API server', ({ start, isThere }) => {
  it.skipIf(!isThere)(
    'accepts every manifest, every component and the chart with a server-side dry run',
    { timeout: 180_000 },
    async () => {
      const server = await start();
      try {
        const kubeconfig = join(folder, 'kubeconfig');
        await writeFile(kubeconfig, server.kubeconfig);
        const admin = ['--kubeconfig', kubeconfig];
        // A cluster has it; a static Pod of kube-system is refused without it.
        await run('kubectl', ['create', 'serviceaccount', 'default', '-n', 'kube-system', ...admin]);
        for (const [name, objects] of await everything()) {
          const file = join(folder, 'objects.yaml');
          await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
          const flags = ['--dry-run=server', '--validate=strict', ...admin, '-f', file];
          const { stdout, stderr } = await run('kubectl', ['apply', ...flags]);
          expect(stderr, name).toBe('');
          expect(stdout.trim().split('\n'), name).toHaveLength(objects.length);
        }
      } finally {
        await server.close();
      }
    },
  );
});

interface Server {
  readonly kubeconfig: string;
  readonly close: () => Promise<void>;
}

async function startEmbedded(): Promise<Server> {
  const server = await createApiServer();
  return { kubeconfig: server.kubeconfig(), close: () => server.close() };
}

async function startReal(): Promise<Server> {
  // As clusters have it: kube-proxy and CNIs need it, too.
  const server = await startRealServer(ASSETS, ['--allow-privileged=true']);
  return { kubeconfig: server.kubeconfig(server.port), close: () => server.close() };
}

/** What an object says but for labels, which the chart adds, and the tag of images, which is the release's. */
function essence({ metadata, ...rest }: KubeObject): unknown {
  const { labels: _, ...others } = metadata ?? {};
  const text = JSON.stringify({ ...rest, metadata: others }).replaceAll(/(fairlead\/[-a-z]+):[.\w]+/g, '$1');
  return JSON.parse(text, (key, value: unknown) => (key === 'env' ? environment(value) : value));
}

/** An environment as a map; no value is the same as none. */
function environment(entries: unknown): unknown {
  const list = entries as readonly { name: string; value?: string; valueFrom?: unknown }[];
  return Object.fromEntries(list.flatMap(({ name, ...rest }) => (isEmpty(rest) ? [] : [[name, rest]])));
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

const nameOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata?.name}`;

/** By kind and name. */
function byName(objects: readonly KubeObject[]): Record<string, unknown> {
  expect(new Set(objects.map(nameOf)).size).toBe(objects.length);
  return Object.fromEntries(objects.map((object) => [nameOf(object), essence(object)]));
}

/** The Pod specification of an object that has one. */
function podSpecOf(object: KubeObject): PodSpec | undefined {
  const { spec } = object as { spec?: { template?: { spec?: PodSpec } } & PodSpec };
  return object.kind === 'Pod' ? spec : spec?.template?.spec;
}

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type: string };
  };
}

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly securityContext?: Container['securityContext'] & { readonly runAsNonRoot?: boolean };
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

function podsOf(objects: readonly KubeObject[]): readonly PodSpec[] {
  return objects.flatMap((object) => podSpecOf(object) ?? []);
}

function daemonSetOf(objects: readonly KubeObject[]): PodSpec {
  const found = objects.find(({ kind }) => kind === 'DaemonSet');
  const spec = found === undefined ? undefined : podSpecOf(found);
  if (spec === undefined) throw new Error('there is no DaemonSet');
  return spec;
}

/** May this container of this form of the install listen on ports below 1024? */
function isLowPorts(form: string, { name }: Container): boolean {
  return name !== 'starboard' && /all on|low-ports|namespace-service/.test(form);
}

describe('what is installed', () => {
  const AGENT = ['NET_ADMIN', 'NET_RAW'];

  it('has no more rights over the node than it needs, however it is installed', async () => {
    const containers = [...(await everything())].flatMap(([name, objects]) =>
      podsOf(objects).flatMap((pod) => pod.containers.map((container) => ({ name, pod, container }))),
    );
    for (const { name, pod, container } of containers) {
      const own = { ...pod.securityContext, ...container.securityContext };
      const isAgent = pod.hostNetwork === true;
      expect(own, name).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        seccompProfile: { type: 'RuntimeDefault' },
        ...(isAgent ? {} : { runAsNonRoot: true }),
      });
      expect(own.privileged, name).toBeUndefined();
      const lowPorts = isLowPorts(name, container) ? ['NET_BIND_SERVICE'] : [];
      const add = isAgent ? { add: [...AGENT, ...lowPorts] } : {};
      expect(own.capabilities, name).toEqual({ drop: ['ALL'], ...add });
    }
  });

  it('has a privileged container only in a profile, and only one that ends', async () => {
    const privileged = new Map<string, readonly (readonly string[] | undefined)[]>();
    for (const [name, objects] of await everything()) {
      const found = podsOf(objects).flatMap(({ initContainers = [] }) => initContainers);
      if (found.length > 0) {
        privileged.set(
          name,
          found.map(({ args }) => args),
        );
      }
    }
    const prepare = (...features: string[]) => ['prepare', ...features, '--keep-going'];
    const expected: [string, string[][]][] = [['chart, all on', [prepare('nftables', 'ipvs', 'syn-proxy')]]];
    if (hasComponents) {
      for (const name of ['nftables', 'ipvs', 'syn-proxy'])
        expected.push([`kustomize ${name}`, [prepare(name)]]);
    }
    expect(Object.fromEntries(privileged)).toEqual(Object.fromEntries(expected));
  });

  it('never has a right to everything', async () => {
    for (const [name, objects] of await everything()) {
      expect(
        JSON.stringify(objects.map((object) => (object as { rules?: unknown }).rules)),
        name,
      ).not.toContain('"*"');
    }
  });
});

describe.skipIf(!hasComponents)('kustomize (skipped where kubectl is older than 1.21)', () => {
  const base = () => [
    ...manifest('group-key.yaml'),
    ...manifest('cloud-provider.yaml'),
    ...manifest('agent.yaml'),
  ];

  it('installs what the plain manifests do', async () => {
    expect(byName(await kustomize())).toEqual(byName(base()));
  });

  it('installs one half without the other', async () => {
    const agent = [...manifest('group-key.yaml'), ...manifest('agent.yaml')];
    expect(byName(await kustomize(['only-agent']))).toEqual(byName(agent));
    expect(byName(await kustomize(['only-cloud-provider']))).toEqual(byName(manifest('cloud-provider.yaml')));
  });

  it.each([
    { name: 'nftables', env: { fairlead_balance: 'nftables' } },
    { name: 'ipvs', env: { fairlead_balance: 'ipvs' } },
    { name: 'syn-proxy', env: {} },
    { name: 'low-ports', env: { fairlead_balance: 'userspace' } },
    { name: 'control-plane', env: { cp_enable: 'true', address: '192.0.2.10' } },
    { name: 'all-nodes', env: {} },
  ])('adds to the agent what the component $name says, and changes nothing else', async ({ name, env }) => {
    const objects = await kustomize([name]);
    const { 'DaemonSet/kube-vip-ds': _, ...others } = byName(objects);
    const { 'DaemonSet/kube-vip-ds': __, ...othersOfBase } = byName(base());
    expect(others).toEqual(othersOfBase);
    const before = daemonSetOf(base()).containers[0]?.env ?? [];
    const after = daemonSetOf(objects).containers[0]?.env ?? [];
    const added = Object.entries(env).map(([key, value]) => ({ name: key, value }));
    expect(new Set(after)).toEqual(new Set([...before, ...added]));
  });

  it('combines components', async () => {
    const spec = daemonSetOf(await kustomize(['control-plane', 'nftables', 'syn-proxy', 'only-agent']));
    expect(new Set(spec.initContainers?.map(({ name }) => name))).toEqual(
      new Set(['prepare-nftables', 'prepare-syn-proxy']),
    );
  });

  it('has a test for every component', () => {
    expect(COMPONENTS).toEqual(
      'all-nodes control-plane ipvs low-ports nftables only-agent only-cloud-provider syn-proxy'.split(' '),
    );
  });
});

describe('the chart', () => {
  const KEY = 'v1 Secret kube-system fairlead-group';

  it('installs what the plain manifests do', () => {
    const { 'Secret/fairlead-group': secret, ...others } = byName(renderChart());
    expect(others).toEqual(byName([...manifest('cloud-provider.yaml'), ...manifest('agent.yaml')]));
    expect(secret).toBeDefined();
  });

  it('installs starboard as its manifest does', () => {
    const values = {
      agent: { enabled: false },
      cloudProvider: { enabled: false },
      starboard: { enabled: true },
    };
    expect(byName(renderChart({ values }))).toEqual(byName(manifest('starboard.yaml')));
  });

  it('makes the key once, and keeps it', () => {
    const key = () =>
      renderChart().find(({ kind }) => kind === 'Secret') as KubeObject & { data: { key: string } };
    expect(Buffer.from(key().data.key, 'base64').toString()).toMatch(/^\w{64}$/);
    expect(key().data.key).not.toBe(key().data.key);
    expect(key().metadata?.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    const upgraded = renderChart({ objects: new Map([[KEY, { kind: 'Secret' }]]) });
    expect(upgraded.map(({ kind }) => kind)).not.toContain('Secret');
  });

  it('makes the key by the Job of the plain manifest, or not at all', () => {
    const own = (values: ValueMap) =>
      byName(renderChart({ values: { cloudProvider: { enabled: false }, ...values } }));
    const { 'Job/fairlead-group-key': job } = own({ groupKey: { method: 'job' } });
    const { 'Job/fairlead-group-key': plain } = byName(manifest('group-key.yaml'));
    const args = [...'group key --create --namespace=kube-system'.split(' '), '--secret=fairlead-group'];
    const container = { containers: [expect.objectContaining({ args })] };
    const { spec } = plain as { spec: { template: { spec: object } } };
    const expected = { ...spec.template, spec: { ...spec.template.spec, ...container } };
    expect(job).toMatchObject({ spec: { ...spec, template: expected } });
    expect(Object.keys(own({ groupKey: { method: 'none' } })).join()).not.toMatch(/Secret|Job/);
    expect(own({ agent: { enabled: false } })).toEqual({});
  });

  it('passes every value on', () => {
    const objects = renderChart(ALL_ON);
    const [agent] = daemonSetOf(objects).containers;
    const env = Object.fromEntries((agent?.env ?? []).map(({ name, value }) => [name, value]));
    expect(env).toEqual({
      address: '192.0.2.5,2001:db8::5',
      cp_enable: 'true',
      enable_node_labeling: 'true',
      fairlead_balance: 'ipvs',
      fairlead_engine: 'lease',
      fairlead_group_key_secret: 'other-key',
      port: '6443',
      prometheus_server: ':2112',
      svc_election: 'true',
      svc_enable: 'true',
      svc_leasename: 'plndr-svcs-lock',
      vip_arp: 'true',
      vip_interface: 'eth0',
      vip_loglevel: '-4',
      vip_nodename: undefined,
    });
    const provider = objects.find(({ kind }) => kind === 'Deployment');
    expect(provider).toMatchObject({
      metadata: { namespace: 'kube-public' },
      spec: {
        replicas: 2,
        template: {
          metadata: { annotations: { note: 'a "quoted" one' } },
          spec: {
            imagePullSecrets: [{ name: 'pull' }],
            containers: [
              {
                image: 'registry.example/mirror/fairlead/cloud-provider:v1',
                imagePullPolicy: 'Always',
                args: [expect.anything(), '--write-service-configmaps', '--v=2'],
                env: [
                  { name: 'SOME_NUMBER', value: '60000000' },
                  { name: 'SOME_SWITCH', value: 'true' },
                ],
              },
            ],
          },
        },
      },
    });
    expect(objects.find(({ kind }) => kind === 'ConfigMap')).toMatchObject({
      metadata: { namespace: 'kube-system', name: 'kubevip' },
      data: ALL_ON.values?.pools,
    });
  });

  it.each<[ValueMap, RegExp]>([
    [{ agnet: {} }, /additional properties/],
    [{ agent: { engine: 'paxos' } }, /\/agent\/engine must be equal to one of/],
    [{ agent: { controlPlane: { enabled: true } } }, /\/agent\/controlPlane\/address/],
    [{ agent: { env: { 'vip arp': 'true' } } }, /\/agent\/env/],
    [{ agent: { env: { vip_arp: [] } } }, /\/agent\/env\/vip_arp must be/],
    [{ pools: { 'range-global': 5 } }, /\/pools\/range-global must be string/],
    [{ cloudProvider: { replicas: -1 } }, /\/cloudProvider\/replicas must be >= 0/],
    [{ groupKey: { method: 'magic' } }, /\/groupKey\/method/],
  ])('refuses %j', (values, message) => {
    expect(() => renderChart({ values })).toThrow(message);
  });
});

const HELM = process.env.FAIRLEAD_HELM ?? 'helm';
const hasHelm = await run(HELM, ['version']).then(
  () => true,
  () => false,
);

describe.skipIf(!hasHelm)('helm (skipped where neither the PATH nor FAIRLEAD_HELM has it)', () => {
  /** A helm that was built without a version of Kubernetes takes an ancient one. */
  const KUBERNETES = ['--kube-version', '1.34.0'];

  it('finds nothing to say against the chart', async () => {
    const values = await valuesFile(ALL_ON);
    for (const more of [[], ['-f', values]]) {
      const { stdout } = await run(HELM, ['lint', '--strict', CHART, ...KUBERNETES, ...more]);
      expect(stdout).toContain('0 chart(s) failed');
      expect(stdout).not.toMatch(/WARNING|ERROR/);
    }
  });

  it.each([{}, ALL_ON])('renders the same objects as our renderer', async (options) => {
    const { namespace = 'kube-system' } = options;
    const args = ['template', 'fairlead', CHART, '-n', namespace, ...KUBERNETES];
    const { stdout } = await run(HELM, [...args, '-f', await valuesFile(options)]);
    const comparable = (objects: readonly KubeObject[]) =>
      Object.fromEntries(
        objects.map((object) => [nameOf(object), object.kind === 'Secret' ? object.metadata : object]),
      );
    expect(comparable(objectsOf(stdout))).toEqual(comparable(renderChart(options)));
  });

  it('refuses values as our renderer does', async () => {
    const values = await valuesFile({ values: { agent: { engine: 'paxos' } } });
    await expect(run(HELM, ['template', CHART, ...KUBERNETES, '-f', values])).rejects.toThrow(/engine/);
  });

  async function valuesFile({ values = {} }: RenderOptions): Promise<string> {
    const file = join(await mkdtemp(join(folder, 'values-')), 'values.yaml');
    await writeFile(file, stringify(values));
    return file;
  }
});
