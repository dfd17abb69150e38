// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildWire, eventually, type LabProgram, type Wire } from './lab/wire.ts';

const VIP = '172.18.0.200';

interface Answers {
  readonly answers: readonly { readonly mac: string; readonly afterMs: number }[];
}

describe('an address on the wire', () => {
  let wire: Wire;
  let keeper: LabProgram;
  let probe: LabProgram;
  const ask = async (times = 5): Promise<Answers['answers']> =>
    (await probe.ask<Answers>({ do: 'ask', address: VIP, times })).answers;
  const addressesOnLo = (): string => wire.run('node', 'ip', '-oneline', 'address', 'show', 'dev', 'lo');

  beforeEach(async () => {
    wire = buildWire({ node: 3, client: 100 });
    keeper = wire.start('node', './keeper-program.ts');
    probe = wire.start('client', './probe-program.ts');
    await keeper.ask({ do: 'start' });
    await probe.ask({ do: 'clear' });
  });
  afterEach(() => wire.remove());

  test('is answered for while held, from the right hardware address, and not before or after', async () => {
    expect(await ask()).toEqual([]);
    await keeper.ask({ do: 'apply', addresses: [VIP] });
    const answers = await ask();
    expect(answers).toHaveLength(5);
    expect(new Set(answers.map(({ mac }) => mac))).toEqual(new Set([wire.host('node').mac]));
    expect(addressesOnLo()).toContain(VIP);

    await keeper.ask({ do: 'apply', addresses: [] });
    expect(await ask()).toEqual([]);
    expect(addressesOnLo()).not.toContain(VIP);
  });

  test('is silent as soon as its process is frozen, and evaporates', async () => {
    await keeper.ask({ do: 'apply', addresses: [VIP] });
    expect(await ask()).toHaveLength(5);
    keeper.signal('SIGSTOP');
    expect(await ask()).toEqual([]);
    await eventually(addressesOnLo, (output) => !output.includes(VIP));
    expect(await ask()).toEqual([]);
  });
});
