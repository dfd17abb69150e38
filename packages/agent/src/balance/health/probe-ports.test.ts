// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProbePorts } from './probe-ports.ts';

const failWith = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));

it('goes round above the ports of others', async () => {
  const below1 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  await fc.assert(
    fc.asyncProperty(below1, async (begin) => {
      const ports = new ProbePorts(() => begin);
      const taken: number[] = [];
      for (let count = 0; count < 4_536; count += 1)
        taken.push(await ports.connect(async (port) => port ?? 0));
      expect(new Set(taken).size).toBe(4_536);
      expect([Math.min(...taken), Math.max(...taken)]).toEqual([61_000, 65_535]);
      expect(await ports.connect(async (port) => port)).toBe(taken[0]);
    }),
    { numRuns: 10 },
  );
});

it('goes on to the next port when one is taken, and leaves it to the kernel in the end', async () => {
  for (const code of ['EADDRINUSE', 'EADDRNOTAVAIL']) {
    const asked: (number | undefined)[] = [];
    const found = await new ProbePorts(() => 0).connect((port) => {
      asked.push(port);
      return asked.length < 3 ? failWith(code) : Promise.resolve('connected');
    });
    expect([found, ...asked]).toEqual(['connected', 61_000, 61_001, 61_002]);
  }
  const asked: (number | undefined)[] = [];
  await new ProbePorts(() => 0).connect((port) => {
    asked.push(port);
    return port === undefined ? Promise.resolve() : failWith('EADDRINUSE');
  });
  expect(asked).toEqual([61_000, 61_001, 61_002, 61_003, undefined]);
});

it('passes on what the target says', async () => {
  let asked = 0;
  const refused = new ProbePorts(() => 0).connect(() => {
    asked += 1;
    return failWith('ECONNREFUSED');
  });
  await expect(refused).rejects.toThrow('ECONNREFUSED');
  expect(asked).toBe(1);
});
