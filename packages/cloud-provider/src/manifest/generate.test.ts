// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import type { Deployment, KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { loadAllYaml } from '@kubernetes/client-node';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCommand } from '../commands/testing/parse-command.ts';
import { generate } from './generate.ts';

type Texts = Readonly<Record<string, string>>;

const made = (flags: Texts = {}, env: Texts = {}, rest: { image?: string; replicas?: string } = {}) =>
  generate({ flags, env, image: rest.image, replicas: rest.replicas, version: 'dev' });

function deploymentIn(objects: readonly KubeObject[]): Deployment {
  const found = objects.find(({ kind }) => kind === 'Deployment');
  if (found === undefined) throw new Error('there is no Deployment');
  return found as Deployment;
}

const containerIn = (objects: readonly KubeObject[]) => {
  const container = deploymentIn(objects).spec?.template.spec?.containers[0];
  if (container === undefined) throw new Error('there is no container');
  return container;
};

function problemsOf(flags: Texts, env: Texts = {}, rest: { image?: string; replicas?: string } = {}) {
  try {
    made(flags, env, rest);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ setting }) => setting);
    throw error;
  }
  return [];
}

it('is the plain manifest when nothing is asked for', async () => {
  const plain = await readFile(new URL('../../../../deploy/cloud-provider.yaml', import.meta.url), 'utf8');
  expect(made()).toEqual(loadAllYaml(plain));
});

it('gives the rights that the settings need, where they need them', () => {
  const objects = made(
    { 'leader-elect-resource-namespace': 'locks', 'write-service-configmaps': 'true' },
    { KUBEVIP_NAMESPACE: 'pools', KUBEVIP_CONFIG_MAP: 'mine' },
  );
  const roles = objects.filter(({ kind }) => kind === 'Role');
  expect(roles).toMatchObject([
    { metadata: { namespace: 'pools' }, rules: [{ resources: ['configmaps'], resourceNames: ['mine'] }] },
    { metadata: { namespace: 'locks' }, rules: [{ verbs: ['create'] }, { resources: ['leases'] }] },
  ]);
  expect(objects.filter(({ kind }) => kind === 'RoleBinding')).toHaveLength(2);
  expect(objects.filter(({ kind }) => kind === 'ClusterRole').map(({ metadata }) => metadata?.name)).toEqual([
    'system:kube-vip-cloud-controller-role',
    'fairlead:service-configmaps',
  ]);
});

it('asks the status server where it is', () => {
  expect(containerIn(made({ port: '9000' })).ports).toEqual([{ name: 'status', containerPort: 9000 }]);
  expect(containerIn(made({ port: '0' })).livenessProbe).toBeUndefined();
});

it('names all that cannot be used', () => {
  const flags = { port: 'x', kubeconfig: '/etc/kubernetes/admin.conf', 'leader-elect-retry-period': '20s' };
  const problems = problemsOf(
    flags,
    { KUBEVIP_ENABLE_LOADBALANCERCLASS: 'perhaps' },
    { image: 'A', replicas: '0' },
  );
  expect(problems.toSorted()).toEqual([
    '--image',
    '--kubeconfig',
    '--leader-elect-retry-period',
    '--port',
    '--replicas',
    'KUBEVIP_ENABLE_LOADBALANCERCLASS',
  ]);
});

const FLAGS = {
  'leader-elect': ['true', 'false'],
  'leader-elect-resource-name': ['mine'],
  'leader-elect-resource-namespace': ['locks'],
  'leader-elect-lease-duration': ['20s'],
  'concurrent-service-syncs': ['3'],
  'release-rest': ['0', '5m'],
  'write-service-configmaps': ['true', 'false'],
  'bind-address': ['::'],
  port: ['9000'],
  v: ['4'],
} as const;
const VARIABLES = {
  KUBEVIP_NAMESPACE: ['pools'],
  KUBEVIP_CONFIG_MAP: ['mine'],
  KUBEVIP_ENABLE_LOADBALANCERCLASS: ['true', 'false'],
  KUBEVIP_CUSTOM_LOADBALANCERCLASS_NAME: ['example.org/class'],
  PLNDR_CONFIG_MAP: ['plndr'],
  FAIRLEAD_RELEASE_REST: ['1m'],
} as const;

function some(choices: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<Texts> {
  const each = Object.entries(choices).map(([name, values]) =>
    fc.constantFrom(...values).map((value) => [name, value] as const),
  );
  return fc
    .tuple(...each)
    .chain((texts) => fc.subarray(texts))
    .map((texts): Texts => Object.fromEntries(texts));
}

it('starts the daemon with the settings that were asked for', () => {
  fc.assert(
    fc.property(some(FLAGS), some(VARIABLES), (flags, env) => {
      const asked = parseCommand(
        Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
        env,
      );
      const { args = [], env: variables = [] } = containerIn(made(flags, env));
      const texts = variables.map(({ name, value }): [string, string] => [name, value ?? '']);
      const got = parseCommand(args, Object.fromEntries(texts));
      // Who takes part in the election is drawn at each start.
      const { election, ...settings } = asked.settings;
      expect(got.settings).toMatchObject(settings);
      expect(got.settings.election).toEqual(election && { ...election, identity: expect.any(String) });
    }),
  );
});
