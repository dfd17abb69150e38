// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelView } from './kernel-view.ts';

describe('KernelView', () => {
  it('counts what was granted until the main thread has done it', () => {
    const view = new KernelView();
    const first = view.granted(new Set(['a']));
    expect([...view.addresses]).toEqual(['a']);
    const second = view.granted(new Set());
    // A word from before the first grant was seen releases nothing.
    view.reported(new Set(), first - 1);
    expect([...view.addresses]).toEqual(['a']);
    view.reported(new Set(['a']), first);
    expect([...view.addresses]).toEqual(['a']);
    view.reported(new Set(), second);
    expect([...view.addresses]).toEqual([]);
  });

  it('never misses an address that a late main thread puts on', () => {
    const step = fc.record({
      granted: fc.option(fc.subarray(['a', 'b', 'c']), { nil: undefined }),
      /** How many grants behind the main thread acts. */
      lag: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const view = new KernelView();
        const history: ReadonlySet<string>[] = [new Set()];
        let done = 0;
        for (const { granted, lag } of steps) {
          if (granted !== undefined) {
            view.granted(new Set(granted));
            history.push(new Set(granted));
          }
          done = Math.max(done, view.version - lag);
          view.reported(history[done] ?? new Set(), done);
          // What is on the node now, and what can come on it from grants that the main thread has yet to see.
          const possible = history.slice(done).flatMap((addresses) => [...addresses]);
          expect([...view.addresses]).toEqual(expect.arrayContaining(possible));
        }
      }),
    );
  });
});
