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
  await keeper.ask({ do: 'start', lifetimeMs: 4_000 });
  /** Programs run until an address has been renewed twice, and descriptors open then. */
  const costOf = async (addresses: readonly string[]) => {
    await keeper.ask({ do: 'apply', addresses });
    const before = await programsRun();
    const renewedTimes = renewals(addresses.at(-1) ?? '');
    await eventually(renewedTimes, (times) => times >= 2);
    const descriptors = wire.run('node', 'sh', '-c', `ls /proc/${keeper.pid}/fd | wc -l`);
    return { programs: (await programsRun()) - before, descriptors: Number(descriptors) };
  };
  const one = await costOf([ADDRESS]);
  const many = await costOf(Array.from({ length: 100 }, (_, index) => `10.9.0.${index + 1}`));
  expect(many.programs).toBeLessThanOrEqual(2 * one.programs + 5);
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

async function programsRun(): Promise<number> {
  const { programs } = await keeper.ask<{ programs: Readonly<Record<string, number>> }>({ do: 'programs' });
  return Object.values(programs).reduce((sum, count) => sum + count, 0);
}

/** Counts how often the rest of the address's life on the node has become longer, as far as somebody looks. */
function renewals(address: string): () => number {
  let times = 0;
  let leftSeconds = Number.POSITIVE_INFINITY;
  return () => {
    const shown = wire.run('node', 'ip', '-oneline', 'address', 'show', 'to', address);
    const seconds = Number(/valid_lft (\d+)sec/.exec(shown)?.[1] ?? leftSeconds);
    if (seconds > leftSeconds) times += 1;
    leftSeconds = seconds;
    return times;
  };
}
