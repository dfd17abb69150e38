// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildWire, eventually, type LabProgram, type Wire } from '../announce/lab/wire.ts';

/*
 * The weak spots of kube-vip's agent on the node itself, by their number in our register, each as a case that its behaviour
 * fails. Judged by another host on the same switch.
 */

const ADDRESS = '172.18.0.200';

let wire: Wire;
let keeper: LabProgram;
let probe: LabProgram;

beforeEach(async () => {
  wire = buildWire({ node: 3, client: 100 });
  keeper = wire.start('node', './keeper-program.ts');
  probe = wire.start('client', './probe-program.ts');
  await probe.ask({ do: 'clear' });
});
afterEach(() => wire.remove());

/** How many of three questions about the address are answered. */
async function answers(): Promise<number> {
  const command = { do: 'ask', address: ADDRESS, times: 3 };
  return (await probe.ask<{ answers: readonly unknown[] }>(command)).answers.length;
}

function onNode(): string {
  return wire.run('node', 'ip', '-oneline', 'address', 'show');
}

it('A5: a crash leaves addresses on the node, which answers for them, and the next start leaves them there', async () => {
  await keeper.ask({ do: 'start' });
  await keeper.ask({ do: 'apply', addresses: [ADDRESS] });
  expect(await answers()).toBe(3);
  keeper.signal('SIGKILL');
  await keeper.exited;
  // Still there for a moment, and not a word about it.
  expect(onNode()).toContain(ADDRESS);
  expect(await answers()).toBe(0);
  const successor = wire.start('node', './keeper-program.ts');
  await successor.ask({ do: 'start' });
  expect(onNode()).not.toContain(ADDRESS);
  expect(await answers()).toBe(0);
});

it('A12: the work of a tick grows with the square of the addresses, with a socket for each frame', async () => {
  await keeper.ask({ do: 'start', lifetimeMs: 2000 });
  /** Programs run for four renewals, and descriptors open meanwhile. */
  const costOf = async (addresses: readonly string[]) => {
    await keeper.ask({ do: 'apply', addresses });
    const renewed = await programs('ip -batch');
    const before = await programs('ip');
    await eventually(
      () => programs('ip -batch'),
      (count) => count >= renewed + 4,
    );
    const descriptors = wire.run('node', 'sh', '-c', `ls /proc/${keeper.pid}/fd | wc -l`);
    return { dumps: (await programs('ip')) - before, descriptors: Number(descriptors) };
  };
  const one = await costOf([ADDRESS]);
  const many = await costOf(Array.from({ length: 100 }, (_, index) => `10.9.0.${index + 1}`));
  expect(many.dumps).toBeLessThanOrEqual(one.dumps + 2);
  expect(many.descriptors).toBeLessThanOrEqual(one.descriptors + 10);
});

it('A25: the kernel answers for an address that is still on a node which has lost it', async () => {
  await keeper.ask({ do: 'start', lifetimeMs: 60_000 });
  await keeper.ask({ do: 'apply', addresses: [ADDRESS], forMs: 60_000 });
  expect(await answers()).toBe(3);
  // Whatever keeps an agent from tidying up: the address stays, and nobody speaks for it.
  await keeper.freeze();
  expect(onNode()).toContain(ADDRESS);
  expect(await answers()).toBe(0);
  wire.run('node', 'nft', 'delete', 'table', 'arp', 'fairlead_guard');
  expect(await answers()).toBe(3);
});

async function programs(name: string): Promise<number> {
  const { programs: counts } = await keeper.ask<{ programs: Readonly<Record<string, number>> }>({
    do: 'programs',
  });
  return counts[name] ?? 0;
}
