// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { backendOf, modelOf } from '../testing/frontends.ts';
import { layOut } from './lay-out.ts';
import { allChanges, changesTo } from './nat-layer.ts';
import { printChanges } from './nft-text.ts';
import { BALANCE_CASES, type BalanceCase, POD_PORT, podAddress, served, VIP } from './testing/cases.ts';
import { type Connection, type Outcome, type Packet, PacketTracer } from './testing/packet-tracer.ts';
import { printShortly } from './testing/print-shortly.ts';

/** The scripts of a case, each followed by what becomes of the packets. */
function dump({ steps }: BalanceCase): string {
  const kernel = new PacketTracer();
  kernel.apply(allChanges(NOTHING_TO_BALANCE));
  let model = NOTHING_TO_BALANCE;
  return steps
    .map((step) => {
      if ('connect' in step)
        return step.connect.map((packet) => told(packet, kernel.connect(packet))).join('');
      const next = layOut(model, modelOf(...step.serve));
      const changes = changesTo(model, next);
      model = next.model;
      kernel.apply(changes);
      return printShortly(changes);
    })
    .join('\n');
}

function told({ from, to, port, protocol }: Packet, outcome: Outcome): string {
  const packet = `# ${from} to ${to}, ${protocol} ${port}:`;
  if (outcome === 'refused') return `${packet} refused\n`;
  const { destination, isMasqueraded } = outcome;
  return `${packet} ${destination.address}, ${destination.port}${isMasqueraded ? ', masqueraded' : ''}\n`;
}

describe('the ruleset', () => {
  it('without front ends', async () => {
    await expect(printChanges(allChanges(NOTHING_TO_BALANCE))).toMatchFileSnapshot('golden/frame.nft');
  });

  it.each(BALANCE_CASES)('for $name', async (balanceCase) => {
    await expect(dump(balanceCase)).toMatchFileSnapshot(`golden/${balanceCase.name}.nft`);
  });

  it('for reset-removed', async () => {
    const before = modelOf(served(VIP, [2, 3]));
    const after = modelOf(served(VIP, [2, 3], { resetsRemoved: true }));
    const reduced = modelOf(
      served(VIP, [2], { resetsRemoved: true, ending: [backendOf(podAddress(3), POD_PORT)] }),
    );
    const steps = [
      [before, after],
      [after, reduced],
      [reduced, before],
    ] as const;
    const script = steps.map(([from, to]) => printShortly(changesTo(from, layOut(from, to)))).join('\n');
    await expect(script).toMatchFileSnapshot('golden/reset-removed.nft');
  });
});

describe('connections to removed back ends', () => {
  const packet: Packet = { from: '192.0.2.1', to: VIP, port: 80, protocol: 'tcp' };
  const resets = { resetsRemoved: true } as const;

  function after(parts: Parameters<typeof served>[2], pods: readonly number[]): 'passed' | 'reset' {
    const kernel = new PacketTracer();
    const before = modelOf(served(VIP, [2], parts));
    kernel.apply(allChanges(before));
    const connection = kernel.connect(packet) as Connection;
    kernel.apply(changesTo(before, layOut(before, modelOf(served(VIP, pods, parts)))));
    return kernel.goOn(connection);
  }

  it('go on when nothing else is asked for', () => {
    expect(after({}, [3])).toBe('passed');
  });

  it('are reset on demand, with other back ends or without', () => {
    expect([after(resets, [3]), after(resets, [])]).toEqual(['reset', 'reset']);
  });

  it('are spared as long as their back end is there or ending, and with other protocols', () => {
    const ending = [backendOf(podAddress(2), POD_PORT)];
    expect(after(resets, [2, 3])).toBe('passed');
    expect(after({ ...resets, ending }, [3])).toBe('passed');
  });
});

describe('clients with affinity', () => {
  it('are forgotten when they were away for too long, and not before', () => {
    const kernel = new PacketTracer();
    kernel.apply(allChanges(modelOf(served(VIP, [2, 3], { affinitySeconds: 60 }))));
    const ask = () =>
      (kernel.connect({ from: '192.0.2.1', to: VIP, port: 80, protocol: 'tcp' }) as Connection).destination
        .address;
    const visits = [0, 59, 59, 61].map((seconds) => {
      kernel.wait(seconds);
      return ask();
    });
    expect(visits).toEqual([podAddress(2), podAddress(2), podAddress(2), podAddress(3)]);
  });
});
