// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { describe, expect, it } from 'vitest';
import type { ServedService } from '../../services/served-service.ts';
import { type ProtectionRule, protectionModel, synProxyObstacle } from './protection-model.ts';

const RULE: ProtectionRule = { closePorts: false, synProxyObstacle: () => undefined };

/** Only what the model reads. */
function service(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  {
    addresses = ['192.0.2.10'],
    port = 80,
  }: { readonly addresses?: readonly string[]; readonly port?: number } = {},
): ServedService {
  return {
    key: `default/${name}`,
    addresses,
    ports: [{ protocol: 'tcp', port, key: 'TCP/' }],
    object: { metadata: { namespace: 'default', name, annotations: { ...annotations } } },
  } as unknown as ServedService;
}

const LIMIT = { [ANNOTATION.connectionsPerSource]: '10' };
const PROXY = { [ANNOTATION.synProxy]: 'always' };

describe('protectionModel', () => {
  it('has the Services that ask for something, at all of their addresses', () => {
    const addresses = ['192.0.2.10', '2001:db8::10', 'dhcp4/default/limited'];
    const model = protectionModel(
      [service('free'), service('limited', LIMIT, { addresses, port: 81 })],
      RULE,
    );
    expect([...model.services.keys()]).toEqual(['default/limited']);
    expect(model.services.get('default/limited')?.ports).toEqual([
      { address: '192.0.2.10', protocol: 'tcp', port: 81 },
      { address: '2001:db8::10', protocol: 'tcp', port: 81 },
    ]);
  });

  it('filters nothing that comes for a port of an older Service', () => {
    const model = protectionModel([service('older'), service('younger', LIMIT)], RULE);
    expect(model.services.size).toBe(0);
  });

  it('goes without a SYN proxy where there can be none, keeps the rest, and says so', () => {
    const rule = { ...RULE, synProxyObstacle: () => 'no reason' };
    const model = protectionModel([service('web', { ...LIMIT, ...PROXY })], rule);
    expect(model.services.get('default/web')?.policy).toMatchObject({ synProxy: 'off', openConnections: 10 });
    expect(model.problems.get('default/web')).toEqual([
      { reason: 'ProtectionUnavailable', message: expect.stringContaining('no reason') },
    ]);
  });

  it('tells what cannot be read of a Service that is not filtered for that', () => {
    const model = protectionModel([service('web', { [ANNOTATION.synProxy]: 'sometimes' })], RULE);
    expect(model.services.size).toBe(0);
    expect(model.problems.get('default/web')?.[0]?.reason).toBe('ProtectionInvalid');
  });

  it('closes addresses when the node is set so, but none that a Service wants open', () => {
    const open = service(
      'open',
      { [ANNOTATION.ignoreServiceSecurity]: 'true' },
      { addresses: ['192.0.2.11'] },
    );
    const services = [
      service('a'),
      service('b', {}, { port: 81 }),
      open,
      service('c', {}, { addresses: ['192.0.2.11'], port: 82 }),
    ];
    expect(protectionModel(services, RULE).closed.size).toBe(0);
    const { closed } = protectionModel(services, { ...RULE, closePorts: true });
    expect([...closed.keys()]).toEqual(['192.0.2.10']);
    expect(closed.get('192.0.2.10')?.map(({ port }) => port)).toEqual([80, 81]);
  });
});

it('keeps what is the same from one time to the next, so that nobody compares it again', () => {
  const web = service('web', LIMIT);
  const before = protectionModel([web, service('other', LIMIT, { port: 81 })], RULE);
  const moved = service('other', LIMIT, { port: 82 });
  const after = protectionModel([web, moved], RULE, [], before);
  expect(after.services.get('default/web')).toBe(before.services.get('default/web'));
  expect(after.services.get('default/other')?.ports[0]?.port).toBe(82);
  const withPort = service('web', LIMIT, { addresses: ['192.0.2.10', '192.0.2.11'] });
  expect(protectionModel([withPort], RULE, [], after).services.get('default/web')?.ports).toHaveLength(2);
});

it('closes no address of a node or of the control plane, which others than Services are reached at', () => {
  const services = [service('a'), service('b', {}, { addresses: ['192.0.2.11'] })];
  const others = [new Set(['192.0.2.1']), new Set(['192.0.2.11'])];
  const { closed } = protectionModel(services, { ...RULE, closePorts: true }, others);
  expect([...closed.keys()]).toEqual(['192.0.2.10']);
});

describe('synProxyObstacle', () => {
  const direct = service('web', { [ANNOTATION.forwarding]: 'dsr' });

  it.each([
    ['nftables', 'nat', service('web'), undefined],
    ['nftables', 'nat', direct, 'dsr'],
    ['nftables', 'dsr', service('web'), 'dsr'],
    ['nftables', 'dsr', service('web', { [ANNOTATION.forwarding]: 'nat' }), undefined],
    ['none', 'nat', direct, undefined],
    ['userspace', 'nat', service('web'), undefined],
    ['ipvs', 'nat', service('web'), 'ipvs'],
  ] as const)('with %s and %s', (plane, forwarding, object, expected) => {
    const obstacle = synProxyObstacle(plane, forwarding)(object);
    if (expected === undefined) expect(obstacle).toBeUndefined();
    else expect(obstacle).toContain(expected);
  });
});
