// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Occupied, PortTree } from './port-tree.ts';

const PORTS = ['TCP/80', 'TCP/443', 'UDP/53'];

function occupied(value: number, ports: readonly string[]): Occupied {
  return { value: BigInt(value), uses: (port) => ports.includes(port), ports: () => ports };
}

const step = fc.record({
  value: fc.integer({ min: 0, max: 150 }),
  /** undefined: nobody is at the address any more. */
  ports: fc.option(fc.subarray(PORTS), { nil: undefined }),
});
const query = fc.record({
  from: fc.integer({ min: -1, max: 151 }),
  ports: fc.subarray(PORTS, { minLength: 1 }),
});

it('agrees with a plain map on every search, whatever came before', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300, size: 'max' }),
      fc.array(query, { minLength: 1 }),
      (steps, queries) => {
        const tree = new PortTree();
        const model = new Map<number, readonly string[]>();
        for (const { value, ports } of steps) {
          const before = model.get(value);
          if (ports === undefined) {
            if (before !== undefined) tree.remove(BigInt(value), before);
            model.delete(value);
            continue;
          }
          const gained = ports.filter((port) => !before?.includes(port));
          const lost = (before ?? []).filter((port) => !ports.includes(port));
          if (before === undefined) tree.add(occupied(value, ports));
          else tree.replace(occupied(value, ports), { gained, lost });
          model.set(value, ports);
        }
        expect(tree.isEmpty).toBe(model.size === 0);
        for (const { from, ports } of queries) {
          const open = [...model]
            .filter(([, used]) => !ports.some((port) => used.includes(port)))
            .map(([value]) => value)
            .sort((a, b) => a - b);
          const number = (found: bigint | undefined) => (found === undefined ? undefined : Number(found));
          expect(number(tree.next(ports, BigInt(from), 'ascending'))).toBe(open.find((v) => v >= from));
          expect(number(tree.next(ports, BigInt(from), 'descending'))).toBe(open.findLast((v) => v <= from));
        }
      },
    ),
  );
});

it('passes by what uses a port without looking at each address', () => {
  let looks = 0;
  const address = (value: number, ports: readonly string[]): Occupied => ({
    value: BigInt(value),
    uses: (port) => {
      looks++;
      return ports.includes(port);
    },
    ports: () => ports,
  });
  const tree = new PortTree();
  // Every other address is held, and each uses a port of its own besides.
  for (let i = 0; i < 10_000; i++) tree.add(address(2 * i, ['TCP/80', `TCP/${1000 + i}`]));
  tree.add(address(20_000, ['TCP/443']));
  looks = 0;
  expect(tree.next(['TCP/80'], 0n, 'ascending')).toBe(20_000n);
  expect(tree.next(['TCP/80'], 19_999n, 'descending')).toBeUndefined();
  expect(tree.next(['TCP/80', 'TCP/5000'], 0n, 'ascending')).toBe(20_000n);
  expect(looks).toBeLessThan(300);
});
