// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharesOf } from './connections.ts';
import { MEMBERS, Trio } from './trio.ts';

const CONNECTIONS = 300;

/** `lb_enable`: connections to the address are spread over the API servers of all three nodes. */
describe('a balanced control plane', () => {
  let trio: Trio;

  beforeAll(async () => {
    trio = await Trio.start({ env: { lb_enable: 'true' } });
    await trio.settled();
  });

  afterAll(async () => {
    await trio.stop();
  });

  it('has a third of the connections at each API server', async () => {
    const shares = await trio.lab.waitFor(
      async () => {
        const now = await sharesOf(trio, CONNECTIONS);
        return [...now.values()].every((count) => count > 0) ? now : undefined;
      },
      { what: 'connections to reach all API servers', timeoutMs: 30_000 },
    );
    // The agents' own looks at the API servers come on top.
    for (const [member, count] of shares) {
      expect(count, member).toBeGreaterThan(CONNECTIONS * 0.3);
      expect(count, member).toBeLessThan(CONNECTIONS * 0.5);
    }
  });

  it('sends nothing to an API server that has ended, wherever it is', async () => {
    const owner = await trio.settled();
    const ended = MEMBERS.find((member) => member !== owner) ?? '';
    await trio.stopApiServer(ended);
    // Fails as long as a connection is sent there.
    await trio.lab.waitFor(async () => await sharesOf(trio, 30), {
      what: `no connection to end at ${ended}`,
      timeoutMs: 20_000,
    });
    expect(await trio.settled()).toBe(owner);
    await trio.lab.startApiServer(ended);
    await trio.lab.waitFor(async () => ((await sharesOf(trio, 30)).get(ended) ?? 0) > 8, {
      what: `connections at ${ended} again`,
      timeoutMs: 30_000,
    });
  });
});
