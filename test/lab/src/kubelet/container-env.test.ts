// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { pod } from '../controllers/testing/objects.ts';
import { ConfigError, type ContainerSpec, containerEnv, type ValueSource } from './container-env.ts';

const facts = {
  pod: pod({ name: 'echo-1', node: 'worker1', labels: { app: 'echo' } }),
  podIps: ['10.244.1.2', 'fd00::2'],
  hostIps: ['172.18.0.3'],
};
const source: ValueSource = {
  configMap: async (name) => (name === 'settings' ? { color: 'red' } : undefined),
  secret: async (name) => (name === 'keys' ? { token: 'hush' } : undefined),
};
const env = (container: Partial<ContainerSpec>) =>
  containerEnv({ name: 'main', ...container }, { BASE: 'b' }, facts, source);

describe('environment of a container', () => {
  it('takes values, fields, ConfigMaps and Secrets', async () => {
    const result = await env({
      envFrom: [{ prefix: 'S_', configMapRef: { name: 'settings' } }],
      env: [
        { name: 'PLAIN', value: '$(BASE)-$(S_color)' },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
        { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
        { name: 'ABSENT', valueFrom: { configMapKeyRef: { name: 'no', key: 'no', optional: true } } },
      ],
    });
    expect(result).toEqual({
      BASE: 'b',
      S_color: 'red',
      PLAIN: 'b-red',
      NODE: 'worker1',
      POD: 'echo-1',
      IP: '10.244.1.2',
      HOST: '172.18.0.3',
      LABEL: 'echo',
      TOKEN: 'hush',
    });
  });

  it.each([
    ['configmap "no" not found', { configMapKeyRef: { name: 'no', key: 'x' } }],
    ['couldn\'t find key x in "settings"', { configMapKeyRef: { name: 'settings', key: 'x' } }],
    ['unsupported fieldPath "spec.x"', { fieldRef: { fieldPath: 'spec.x' } }],
  ])('refuses with: %s', async (message, valueFrom) => {
    await expect(env({ env: [{ name: 'X', valueFrom }] })).rejects.toThrow(new ConfigError(message));
  });
});
