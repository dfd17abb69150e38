// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { holding, onStage, type PortText, portsOf, type Stage, verdictOn, wanting } from './testing/scene.ts';

/*
 * The weak spots of kube-vip-cloud-provider in sharing addresses, by their number in our register, each as a case that its
 * behaviour fails.
 */

const RANGE = { 'range-global': '10.0.0.1-10.0.0.9' };
const SHARED = { ...RANGE, 'allow-share-global': 'true' };

function withPorts(...ports: readonly PortText[]): (each: Service) => Service {
  return (each) => ({ ...each, spec: { ...each.spec, ports: portsOf(ports) } });
}

function has(stage: Stage, name: string, addresses: string | undefined): Promise<void> {
  return stage.until(() => expect([name, stage.addressesOf(name)]).toEqual([name, addresses]));
}

describe('C7: ports that are edited later are not looked at again', () => {
  it.each([
    ['the younger', 'older', 'younger', '80'],
    ['the older', 'younger', 'older', '443'],
  ] as const)('a port that clashes with a sharer moves who edited it: %s', (_who, stays, moves, port) =>
    onStage({ data: SHARED }, async (stage) => {
      stage.put(wanting('older', { ports: ['80'], createdAt: '2026-01-01T00:00:00Z' }));
      await has(stage, 'older', '10.0.0.1');
      stage.put(wanting('younger', { ports: ['443'], createdAt: '2026-01-02T00:00:00Z' }));
      await has(stage, 'younger', '10.0.0.1');
      stage.rig.cluster.edit(moves, withPorts(port));
      await has(stage, moves, '10.0.0.2');
      await has(stage, stays, '10.0.0.1');
    }),
  );

  it('a clash without another address leaves who edited the port waiting, and no clash', () =>
    onStage({ data: { ...SHARED, 'range-global': '10.0.0.1' } }, async (stage) => {
      stage.put(wanting('a', { ports: ['80'] }));
      await has(stage, 'a', '10.0.0.1');
      stage.put(wanting('b', { ports: ['443'] }));
      await has(stage, 'b', '10.0.0.1');
      stage.rig.cluster.edit('b', withPorts('80'));
      await has(stage, 'b', undefined);
      await stage.until(() => expect(stage.warnings('b')).toHaveLength(1));
      stage.rig.cluster.edit('b', withPorts('8443'));
      await has(stage, 'b', '10.0.0.1');
    }));
});

describe('C12: with whom an address is shared is left to chance, and to ports without protocol', () => {
  const holders = (['10.0.0.3', '10.0.0.2', '10.0.0.5', '10.0.0.4'] as const).map((address, i) =>
    holding(`holder-${i}`, address, { ports: [`${8000 + i}` as const] }),
  );

  it('the same answer whatever the order of the others', async () => {
    for (let turn = 0; turn < holders.length; turn++) {
      const others = [...holders.slice(turn), ...holders.slice(0, turn)];
      const subject = wanting('subject', { ports: ['443'] });
      expect(await verdictOn(subject, { data: SHARED, others })).toBe('10.0.0.2');
    }
  });

  it('UDP and TCP of one port share', async () => {
    const others = [holding('tcp', '10.0.0.2', { ports: ['TCP/53'] })];
    expect(await verdictOn(wanting('udp', { ports: ['UDP/53'] }), { data: SHARED, others })).toBe('10.0.0.2');
  });

  it('Services of which one serves by local pods alone do not', async () => {
    const others = [holding('cluster', '10.0.0.2', { ports: ['80'], selector: { app: 'a' } })];
    const local = wanting('local', { ports: ['443'], local: true, selector: { app: 'b' } });
    expect(await verdictOn(local, { data: SHARED, others })).toBe('10.0.0.1');
    // Our own data plane keeps them apart.
    const data = { ...SHARED, 'data-plane': 'fairlead' };
    expect(await verdictOn(local, { data, others })).toBe('10.0.0.2');
  });

  it('a port that two ask for on one address goes to the older', () =>
    onStage({ data: SHARED }, async (stage) => {
      stage.put(
        wanting('older', { annotation: '10.0.0.7', ports: ['80'], createdAt: '2026-01-01T00:00:00Z' }),
      );
      await has(stage, 'older', '10.0.0.7');
      stage.put(
        wanting('same', { annotation: '10.0.0.7', ports: ['80'], createdAt: '2026-01-02T00:00:00Z' }),
      );
      await stage.until(() => expect(stage.warnings('same').join()).toContain('default/older'));
      stage.put(
        wanting('other', { annotation: '10.0.0.7', ports: ['81'], createdAt: '2026-01-03T00:00:00Z' }),
      );
      await has(stage, 'other', '10.0.0.7');
      expect(await stage.refusals()).toEqual(['AddressConflict']);
      stage.rig.cluster.remove('older');
      await has(stage, 'same', '10.0.0.7');
    }));
});
