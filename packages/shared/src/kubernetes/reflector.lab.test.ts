// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { Arena } from './testing/fault-arena.ts';
import { BLIND_LIMIT_MS } from './testing/fault-scenarios.ts';
import { startEmbeddedServer } from './testing/fault-servers.ts';
import { startOurs } from './testing/fault-subjects.ts';

/*
 * What a relay in user space cannot show: packets that vanish, so that not even a handshake is answered and only the
 * kernel's own repetitions stand between the end of the fault and the next sign of life.
 */

const run = promisify(execFile);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Drops everything to and from a port of the loopback, until the returned function is called. */
async function drop(port: number): Promise<() => Promise<void>> {
  const table = `inet blackhole_${port}`;
  const commands = [
    `add table ${table}`,
    `add chain ${table} in { type filter hook input priority 0 ; }`,
    `add rule ${table} in tcp dport ${port} drop`,
    `add rule ${table} in tcp sport ${port} drop`,
  ];
  await run('nft', [commands.join('; ')]);
  return async () => {
    await run('nft', [`delete table ${table}`]);
  };
}

beforeAll(() => {
  // `npm test` makes it; without it these rules would go into the machine's own firewall.
  if (!existsSync('/run/fairlead/namespace'))
    throw new Error('run this with `npm test`: it needs private namespaces');
});

// Different lengths, so that the end falls into different phases of handshakes, time-outs and pauses.
test.concurrent.each([2_500, 5_300, 9_100, 14_700])(
  'packets vanish for %i ms',
  { timeout: 90_000 },
  async (forMs) => {
    const server = await startEmbeddedServer();
    const arena = new Arena(server, startOurs, 'faults');
    try {
      await arena.start();
      const pass = await drop(arena.proxy.port);
      await arena.stir();
      await wait(forMs);
      await arena.stir();
      await pass();
      const blindMs = await arena.caughtUp(30_000);
      if (process.env.FAULTS_REPORT)
        console.info(`packets vanish for ${forMs} ms: blind ${Math.round(blindMs)} ms`);
      expect(blindMs).toBeLessThan(BLIND_LIMIT_MS);
      expect(arena.audit.nonsense).toEqual([]);
      expect([...arena.audit.deleted]).toEqual(arena.deleted);
    } finally {
      await arena.close();
      await server.close();
    }
  },
);
