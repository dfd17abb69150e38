// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Frontend, NOTHING_TO_BALANCE } from '../balance/model/frontend.ts';
import type { ControlPlaneBalance } from '../config/control-plane-settings.ts';
import { controlPlaneFrontends, needsPlane, withControlPlaneFrontends } from './frontends.ts';

const SERVERS = [
  { node: 'cp1', addresses: ['192.0.2.11', '2001:db8::11'], isReady: true },
  { node: 'cp2', addresses: ['192.0.2.12'], isReady: true },
];

function frontends(
  balance: ControlPlaneBalance | undefined,
  addresses = ['192.0.2.10'],
): readonly Frontend[] {
  return controlPlaneFrontends({
    settings: { port: 6443, balance },
    addresses,
    node: 'cp2',
    servers: SERVERS,
  });
}

describe('controlPlaneFrontends', () => {
  it('sends to every API server by NAT, and has the answers come back through here', () => {
    expect(frontends({ port: 443, method: 'masquerade' })).toEqual([
      {
        id: 'tcp/443/192.0.2.10',
        service: 'control-plane',
        family: 4,
        address: '192.0.2.10',
        protocol: 'tcp',
        port: 443,
        backends: [
          { address: '192.0.2.11', port: 6443, weight: 1, node: 'cp1' },
          { address: '192.0.2.12', port: 6443, weight: 1, node: 'cp2' },
        ],
        scheduler: 'roundRobin',
        affinitySeconds: undefined,
        resetsRemoved: true,
        ending: [],
        forwarding: 'nat',
        masquerade: true,
      },
    ]);
  });

  it('keeps families apart, and has none where there is no API server of the family', () => {
    const both = frontends({ port: 6443, method: 'masquerade' }, ['192.0.2.10', '2001:db8::10']);
    expect(both.map(({ backends }) => backends.map(({ address }) => address))).toEqual([
      ['192.0.2.11', '192.0.2.12'],
      ['2001:db8::11'],
    ]);
    expect(
      controlPlaneFrontends({
        settings: { port: 6443, balance: { port: 6443, method: 'masquerade' } },
        addresses: ['192.0.2.10'],
        node: 'cp2',
        servers: [],
      }),
    ).toEqual([]);
  });

  it('with local needs a data plane only for another port, and then sends to this node alone', () => {
    const [frontend] = frontends({ port: 443, method: 'local' });
    expect(frontend).toMatchObject({ backends: [{ node: 'cp2' }], masquerade: false });
    expect(frontends({ port: 6443, method: 'local' })).toEqual([]);
    expect(needsPlane({ port: 6443, balance: { port: 6443, method: 'local' } })).toBe(false);
    expect(needsPlane({ port: 6443, balance: undefined })).toBe(false);
  });

  it('lets API servers answer by themselves with directroute', () => {
    expect(frontends({ port: 6443, method: 'directroute' })).toMatchObject([{ forwarding: 'dsr' }]);
  });
});

describe('with IPVS', () => {
  it.each([
    ['masquerade', 'nat', true],
    ['directroute', 'directRoute', false],
    ['tunnel', 'tunnel', true],
    ['bypass', 'bypass', true],
  ] as const)('%s is what it is called', (method, forwarding, masquerade) => {
    const settings = { port: 6443, balance: { port: 6443, method } };
    const addresses = ['192.0.2.10'];
    expect(
      controlPlaneFrontends({ settings, addresses, node: 'cp2', servers: SERVERS, byIpvs: true }),
    ).toMatchObject([{ forwarding, masquerade }]);
  });
});

describe('withControlPlaneFrontends', () => {
  const service = (port: number): Frontend => ({
    id: `tcp/${port}/192.0.2.10`,
    service: 'default/web',
    family: 4,
    address: '192.0.2.10',
    protocol: 'tcp',
    port,
    backends: [],
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding: 'nat',
    masquerade: true,
  });
  const modelOf = (...all: readonly Frontend[]) => ({
    ...NOTHING_TO_BALANCE,
    frontends: new Map(all.map((each) => [each.id, each])),
  });
  const RESERVED = new Set(['tcp/6443/192.0.2.10']);

  it('lets a Service share the address, but not the port of the API', () => {
    const own = frontends({ port: 6443, method: 'masquerade' });
    const { frontends: merged, problems } = withControlPlaneFrontends(
      modelOf(service(6443), service(80)),
      own,
      RESERVED,
    );
    expect([...merged.values()]).toEqual([service(80), ...own]);
    expect(problems.get('default/web')).toMatchObject([{ reason: 'PortConflict' }]);
  });

  it('keeps the port free also where nothing is balanced', () => {
    const merged = withControlPlaneFrontends(modelOf(service(6443)), [], RESERVED);
    expect(merged.frontends.size).toBe(0);
  });

  it('changes nothing where there is nothing to change', () => {
    const model = modelOf(service(80));
    expect(withControlPlaneFrontends(model, [], RESERVED)).toBe(model);
  });
});
