// SPDX-License-Identifier: Apache-2.0
/** The three experiments with IPVS that users know, with the agent's data plane in the place of hand-written commands. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientAnswer, tally } from './clients.ts';
import { addressOf, backends, directorBackend, frontend, IpvsLab, PORTS, SERVERS, VIP } from './ipvs-lab.ts';

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

  it('sends SCTP associations to all three servers', async () => {
    const program = 'nft/lab/sctp-program.ts';
    for (const name of Object.keys(SERVERS)) await lab.start(name, program, 'pod', name, String(PORTS.own));
    const client = await lab.start('client', program, 'client');
    await lab.apply(frontend({ protocol: 'sctp', backends: backends(PORTS.own) }));
    const to = Array(3).fill([VIP[4], PORTS.virtual]);
    const answers = JSON.parse(await client.ask(JSON.stringify({ to, over: 'sctp' }))) as ClientAnswer[];
    expect(tally(answers)).toEqual(ALL_ONCE);
    client.kill();
  });

  it('sends to the director alone with local, and leaves packets as they are', async () => {
    const port = PORTS.everywhere;
    const local = frontend({
      port,
      forwarding: 'local',
      masquerade: false,
      backends: [...backends(port), directorBackend(port)],
    });
    expect(await lab.apply(local)).toEqual([]);
    expect(await lab.ask({ do: 'once', to: VIP[4], port, count: 3 })).toEqual(
      Array(3).fill({ name: 'director', from: addressOf(5), at: VIP[4] }),
    );
    // The kernel knows that it is itself.
    expect(await lab.run('director', 'cat', '/proc/net/ip_vs')).toMatch(/Local|Route/);
    await lab.apply(
      frontend({ ...local, id: 'tcp/8443/vip', port: 8443, backends: [directorBackend(PORTS.own)] }),
    );
    expect(await lab.ask({ do: 'once', to: VIP[4], port: 8443 })).toEqual([
      { name: 'director', from: addressOf(5), at: addressOf(21) },
    ]);
  });

  it('leaves the address to whoever listens there with bypass', async () => {
    const port = PORTS.everywhere;
    await lab.apply(frontend({ port, forwarding: 'bypass', backends: backends(port) }));
    expect(await lab.table()).toEqual([]);
    expect(tally(await lab.ask({ do: 'once', to: VIP[4], port, count: 3 }))).toEqual({ director: 3 });
  });

  it.each([
    [4, 'ipip', 'tunl0'],
    [6, 'ip6_tunnel', 'ipvs6'],
  ] as const)(
    'wraps packets into a tunnel, and servers answer clients themselves (IPv%i)',
    async (family, module, link) => {
      await lab.uml.runOrThrow(['/run/modprobe', module]);
      await lab.holdOnServers(true);
      for (const [name, number] of Object.entries(SERVERS)) {
        // What comes for everybody is unpacked over IPv4; over IPv6 both ends have to be named.
        const ends = `local ${addressOf(number, 6)} remote ${addressOf(21, 6)} dev eth0 encaplimit none`;
        if (family === 6)
          await lab.run(name, 'ip', ...`-6 tunnel add ${link} mode ip6ip6 ${ends}`.split(' '));
        else await lab.run(name, 'sysctl', '-qw', `net.ipv4.conf.${link}.rp_filter=0`);
        await lab.run(name, 'ip', 'link', 'set', link, 'up');
      }
      expect(await lab.apply(frontend({ forwarding: 'tunnel' }, family))).toEqual([]);
      const answers = await lab.ask({ do: 'once', to: VIP[family], port: PORTS.virtual, count: 3 });
      expect(tally(answers)).toEqual(ALL_ONCE);
      expect(new Set(answers.map(({ from, at }) => `${from} ${at}`))).toEqual(
        new Set([`${addressOf(5, family)} ${VIP[family]}`]),
      );
      await lab.apply();
      await lab.holdOnServers(false);
    },
  );

  it('reaches by NAT what cannot be routed to directly, and says so', async () => {
    const mixed = frontend({
      forwarding: 'directRoute',
      masquerade: false,
      backends: [...backends(PORTS.virtual).slice(0, 2), ...backends(PORTS.own).slice(2)],
    });
    await lab.holdOnServers(true);
    const [problem = '', ...others] = await lab.apply(mixed);
    expect(problem).toContain('reached by NAT instead: 192.168.113.24 port 6443');
    expect(others).toEqual([]);
    const answers = await lab.ask({ do: 'once', to: VIP[4], port: PORTS.virtual, count: 3 });
    expect(tally(answers)).toEqual(ALL_ONCE);
    await lab.apply();
    await lab.holdOnServers(false);
  });
});
