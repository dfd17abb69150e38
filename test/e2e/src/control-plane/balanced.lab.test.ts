// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharesOf } from './connections.ts';
import { ADDRESS, MEMBERS, PORT, Trio } from './trio.ts';

const CONNECTIONS = 300;

/** `lb_enable`: connections to the address are spread over the API servers of all nodes, also the one without an agent. */
describe('a balanced control plane', () => {
  let trio: Trio;

  beforeAll(async () => {
    trio = await Trio.start({ env: { lb_enable: 'true' } });
    await trio.settled();
  });

  afterAll(async () => {
    await trio.stop();
  });

  it('has a fourth of the connections at each API server', async () => {
    // The fourth is the one with the data. One that has just been started is found to work while connections are made already.
    await trio.lab.waitFor(
      async () => {
        const counts = [...(await sharesOf(trio, CONNECTIONS)).values()];
        // The agents' own looks at the API servers come on top.
        const isEven = counts.every((count) => count >= CONNECTIONS * 0.24 && count <= CONNECTIONS * 0.32);
        if (!isEven)
          throw new Error(`of ${CONNECTIONS} connections the API servers had ${counts.join(', ')}`);
        return true;
      },
      { what: 'a fourth of the connections at each API server', timeoutMs: 30_000 },
    );
  });

  it('sends on whoever was connecting to a node that is lost', async () => {
    const owner = await trio.settled();
    const [lost = ''] = MEMBERS.filter((member) => member !== owner);
    await trio.lab.partition(lost);
    try {
      // A fourth of the first packets goes nowhere; they are repeated after a second, and after three.
      const target = `${ADDRESS}:${PORT}`;
      const many = { count: 60, concurrency: 30, timeoutMs: 8_000 };
      const prober = await trio.lab.probeTcp({ target, tls: true, path: '/version', ...many });
      const failed = (await prober.finished()).filter(({ ok }) => !ok);
      expect(failed).toEqual([]);
    } finally {
      await trio.lab.heal(lost);
    }
    await trio.settled();
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
