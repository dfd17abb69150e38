// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { ReconcileLoop } from './loop.ts';

function loopWith(pass: () => Promise<void>) {
  const clock = new ManualClock();
  const loop = new ReconcileLoop({ pass, resyncMs: 5_000, retryMs: 500, clock, logger: silentLogger });
  return { clock, loop };
}

describe('ReconcileLoop', () => {
  it('makes one pass for many changes, and one more for those that came during it', async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const { loop } = loopWith(() => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    });
    for (let change = 0; change < 10; change++) loop.wake();
    await Promise.resolve();
    expect(gates).toHaveLength(1);
    for (let change = 0; change < 10; change++) loop.wake();
    gates[0]?.resolve();
    await new Promise(setImmediate);
    expect(gates).toHaveLength(2);
    gates[1]?.resolve();
    await loop.stop();
    expect([loop.passes, gates.length]).toEqual([2, 2]);
  });

  it('lets those who can wait do so after a long pass, all together, and nobody else', async () => {
    const { clock, loop } = loopWith(() => {
      clock.advance(30);
      return Promise.resolve();
    });
    loop.wakeSoon();
    await loop.once();
    expect(loop.passes).toBe(1);
    for (let change = 0; change < 10; change++) loop.wakeSoon();
    await clock.advanceAsync(119);
    expect(loop.passes).toBe(1);
    await clock.advanceAsync(1);
    expect(loop.passes).toBe(2);
    loop.wakeSoon();
    await loop.once();
    // The one that could wait has had this pass.
    expect(loop.passes).toBe(3);
    await clock.advanceAsync(1_000);
    expect(loop.passes).toBe(3);
    await loop.stop();
  });

  it('tries again soon after a failure, and by itself after a while', async () => {
    let calls = 0;
    const { clock, loop } = loopWith(() =>
      ++calls === 1 ? Promise.reject(new Error('no')) : Promise.resolve(),
    );
    await loop.once();
    expect([loop.passes, loop.failures]).toEqual([0, 1]);
    await clock.advanceAsync(500);
    expect(loop.passes).toBe(1);
    await clock.advanceAsync(5_000);
    expect(loop.passes).toBe(2);
    await loop.stop();
    await clock.advanceAsync(60_000);
    expect(loop.passes).toBe(2);
  });

  it('knows how long a pass has been under way', async () => {
    const gate = Promise.withResolvers<void>();
    const { clock, loop } = loopWith(() => gate.promise);
    loop.wake();
    await Promise.resolve();
    clock.advance(40_000);
    expect(loop.stuckMs()).toBe(40_000);
    gate.resolve();
    await loop.stop();
    expect(loop.stuckMs()).toBe(0);
  });
});
