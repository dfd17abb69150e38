// SPDX-License-Identifier: Apache-2.0
/** The three experiments with IPVS that users know, with the agent's data plane in the place of hand-written commands. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tally } from './clients.ts';
import { addressOf, backends, frontend, IpvsLab, PORTS, SERVERS, VIP } from './ipvs-lab.ts';

const ALL_ONCE = { master1: 1, master2: 1, master3: 1 };

describe('IPVS', () => {
  let lab: IpvsLab;

  beforeAll(async () => {
    lab = await IpvsLab.start();
  });
  afterAll(() => lab?.stop());

  it.each([4, 6] as const)(
    'routes directly to servers that hold the address on loopback, with even counts of connections (IPv%i)',
    async (family) => {
      await lab.holdOnServers(true);
      expect(
        await lab.apply(frontend({ forwarding: 'directRoute', scheduler: 'leastConnections' }, family)),
      ).toEqual([]);
      const answers = await lab.ask({ do: 'open', to: VIP[family], port: PORTS.virtual, count: 3 });
      expect(tally(answers)).toEqual(ALL_ONCE);
      // Packets were not rewritten: servers saw the client, and were asked at the virtual address.
      expect(new Set(answers.map(({ from, at }) => `${from} ${at}`))).toEqual(
        new Set([`${addressOf(5, family)} ${VIP[family]}`]),
      );
      const listed = await lab.run('director', 'ipvsadm', '-L', '-n');
      for (const number of Object.values(SERVERS)) {
        const host = family === 4 ? addressOf(number) : `\\[${addressOf(number, 6)}\\]`;
        expect(listed).toMatch(new RegExp(`-> ${host}:8443 +Route +1 +1 +0`));
      }
      await lab.ask({ do: 'close' });
      await lab.apply();
      await lab.holdOnServers(false);
    },
  );

  it.each([4, 6] as const)(
    'rewrites address and port, and all three servers are reached (IPv%i)',
    async (family) => {
      expect(await lab.apply(frontend({ backends: backends(PORTS.own, family) }, family))).toEqual([]);
      const answers = await lab.ask({ do: 'once', to: VIP[family], port: PORTS.virtual, count: 3 });
      expect(tally(answers)).toEqual(ALL_ONCE);
      // Answers have to come back through the director.
      for (const { from } of answers) expect([addressOf(21, family), VIP[family]]).toContain(from);
    },
  );
});
