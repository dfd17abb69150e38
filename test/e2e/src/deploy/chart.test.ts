// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CHART, objectsOf, type RenderOptions, renderChart } from './chart.ts';
import { ALL_ON, manifest, run } from './forms.ts';
import { byName, daemonSetOf, nameOf } from './objects.ts';
import type { ValueMap } from './template/functions.ts';

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
      vip_interface: 'eth0,ens3',
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
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-helm-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

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

  it('installs, upgrades and takes away; the key stays the same, and stays', {
    timeout: 120_000,
  }, async () => {
    const server = await createApiServer();
    try {
      const kubeconfig = join(folder, 'kubeconfig');
      await writeFile(kubeconfig, server.kubeconfig());
      const cluster = ['-n', 'kube-system', '--kubeconfig', kubeconfig];
      const key = async () =>
        (await run('kubectl', ['get', 'secret', 'fairlead-group', '-o', 'jsonpath={.data.key}', ...cluster]))
          .stdout;
      await run(HELM, ['install', 'fairlead', CHART, ...cluster]);
      const first = await key();
      expect(first).toMatch(/./);
      await run(HELM, ['upgrade', 'fairlead', CHART, '--set', 'agent.engine=lease', ...cluster]);
      expect(await key()).toBe(first);
      await run(HELM, ['uninstall', 'fairlead', ...cluster]);
      const left = await run('kubectl', ['get', 'daemonsets,deployments,roles', '-o', 'name', ...cluster]);
      expect(left.stdout).toBe('');
      expect(await key()).toBe(first);
      await run(HELM, ['install', 'fairlead', CHART, ...cluster]);
      expect(await key()).toBe(first);
    } finally {
      await server.close();
    }
  });

  async function valuesFile({ values = {} }: RenderOptions): Promise<string> {
    const file = join(await mkdtemp(join(folder, 'values-')), 'values.yaml');
    await writeFile(file, stringify(values));
    return file;
  }
});
