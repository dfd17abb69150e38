// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ApiServerNode, type ApiServerState, apiServerNodes, usableApiServers } from './api-servers.ts';

function node(
  name: string,
  addresses: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): Node {
  return {
    metadata: { name, labels: { ...labels } },
    status: {
      addresses: addresses.map((address) => ({ type: 'InternalIP', address })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

const LABEL = { 'node-role.kubernetes.io/control-plane': '' };

describe('apiServerNodes', () => {
  it('finds the nodes of the control plane, by their label of today or of before 1.24', () => {
    const nodes = [
      node('cp2', ['192.0.2.12'], LABEL),
      node('worker', ['192.0.2.20']),
      node('cp1', ['192.0.2.11', '2001:DB8::11'], { 'node-role.kubernetes.io/master': '' }),
    ];
    expect(apiServerNodes(nodes, new Set())).toEqual([
      { node: 'cp1', addresses: ['192.0.2.11', '2001:db8::11'], isReady: true },
      { node: 'cp2', addresses: ['192.0.2.12'], isReady: true },
    ]);
  });

  it('does not take the address of the control plane for one of a node, as a kubelet may', () => {
    const nodes = [node('cp1', ['192.0.2.10', '192.0.2.11'], LABEL)];
    expect(apiServerNodes(nodes, new Set(['192.0.2.10']))).toMatchObject([{ addresses: ['192.0.2.11'] }]);
  });
});

describe('usableApiServers', () => {
  const server = (name: string, isReady = true): ApiServerNode => ({ node: name, addresses: [], isReady });
  const named = (servers: readonly ApiServerNode[]) => servers.map((each) => each.node);

  it('believes what it has found out, and the Node before that', () => {
    const servers = [
      server('silent', false),
      server('dead'),
      server('new'),
      server('booting', false),
      server('lost'),
    ];
    const states: Readonly<Record<string, ApiServerState>> = { silent: 'up', dead: 'down', lost: 'up' };
    const usable = usableApiServers(servers, new Set(['lost']), (name) => states[name] ?? 'unknown');
    expect(named(usable)).toEqual(['silent', 'new']);
  });

  it('never leaves nobody while one is not lost, and never sends to a lost one', () => {
    const states = fc.constantFrom<ApiServerState>('up', 'down', 'unknown');
    const one = fc.record({ isReady: fc.boolean(), state: states, isLost: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 7 }), (all) => {
        const servers = all.map(({ isReady }, index) => server(`n${index}`, isReady));
        const lost = new Set(all.flatMap(({ isLost }, index) => (isLost ? [`n${index}`] : [])));
        const stateOf = (name: string) => all[Number(name.slice(1))]?.state ?? 'unknown';
        const usable = named(usableApiServers(servers, lost, stateOf));
        expect(usable.some((name) => lost.has(name))).toBe(false);
        expect(usable.length > 0).toBe(lost.size < all.length);
      }),
    );
  });
});
