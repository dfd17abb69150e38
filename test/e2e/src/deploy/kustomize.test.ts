// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { COMPONENTS, hasComponents, kustomize, manifest } from './forms.ts';
import { byName, daemonSetOf } from './objects.ts';

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
