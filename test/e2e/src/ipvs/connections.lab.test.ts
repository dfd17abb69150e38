// SPDX-License-Identifier: Apache-2.0
/** What becomes of connections while back ends, weights and tables change under them; in a kernel with IPVS. */
import { KERNEL_SCHEDULERS } from '@fairlead/agent/balance/model/kernel-schedulers.ts';
import { Uml } from '@fairlead/test-lab/uml/uml.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tally } from './clients.ts';
import { addressOf, backends, CLIENTS, frontend, IpvsLab, PORTS, VIP } from './ipvs-lab.ts';

const NAMES = ['master1', 'master2', 'master3'];
/** Programs start slowly in there, the more so on a machine with other work. */
const PATIENCE_MS = 300_000;
const FOREIGN = '192.168.113.201:80';

describe('connections through IPVS', () => {
  let lab: IpvsLab;
  const web = (parts = {}) => frontend({ backends: backends(PORTS.own), ...parts });
  const to = { to: VIP[4], port: PORTS.virtual };
  const [first, second, third] = backends(PORTS.own);

  beforeAll(async () => {
    lab = await IpvsLab.start();
    await lab.run('director', 'ipvsadm', '-A', '-t', FOREIGN, '-s', 'rr');
  });
  afterEach(async () => {
    await lab.ask({ do: 'close' });
    await lab.apply();
  });
  afterAll(() => lab?.stop());

  it('go on while back ends come, change and go; new ones go to who is there', async () => {
    if (!first || !second || !third) throw new Error('three servers');
    await lab.apply(web({ backends: [first, second] }));
    const before = await lab.ask({ do: 'open', ...to, count: 6 });
    expect(tally(before)).toEqual({ master1: 3, master2: 3 });
    await lab.apply(
      web({ scheduler: 'weightedRoundRobin', backends: [{ ...first, weight: 3 }, second, third] }),
    );
    expect(await lab.ask({ do: 'again' })).toEqual(before);
    await lab.apply(web({ backends: [first, third] }));
    expect(await lab.ask({ do: 'again' })).toEqual(before);
    expect(tally(await lab.ask({ do: 'once', ...to, count: 4 }))).toEqual({ master1: 2, master3: 2 });
    // It leaves when its last connection has ended.
    await lab.order({ verify: true });
    expect((await lab.table()).join()).toContain(`${second.address}:6443 -m -w 0`);
    // And comes back as if it had never been away.
    await lab.apply(web());
    expect(await lab.ask({ do: 'again' })).toEqual(before);
    expect(tally(await lab.ask({ do: 'once', ...to, count: 3 }))).toEqual({
      master1: 1,
      master2: 1,
      master3: 1,
    });
  });

  it('are reset with their back end where that is asked for', async () => {
    await lab.apply(web({ resetsRemoved: true }));
    const before = await lab.ask({ do: 'open', ...to, count: 3 });
    await lab.apply(web({ resetsRemoved: true, backends: backends(PORTS.own).slice(0, 2) }));
    const after = await lab.ask({ do: 'again' });
    expect(after.map(({ name, error }) => name ?? error)).toEqual(
      before.map(({ name }) => (name === 'master3' ? 'ECONNRESET' : name)),
    );
  });

  it('over UDP leave a back end that is gone at once', async () => {
    const dns = (servers = backends(PORTS.own)) => frontend({ protocol: 'udp', backends: servers });
    await lab.apply(dns());
    expect(tally(await lab.ask({ do: 'datagrams', ...to, count: 6 }))).toEqual({
      master1: 2,
      master2: 2,
      master3: 2,
    });
    const [{ name = '' } = {}] = await lab.ask({ do: 'flow', ...to });
    expect(await lab.ask({ do: 'flow', ...to })).toMatchObject([{ name }]);
    await lab.apply(dns(backends(PORTS.own).filter(({ node }) => node !== name)));
    // The datagram that finds it gone may be lost; the next one is not.
    const others = NAMES.filter((each) => each !== name);
    await expect
      .poll(async () => (await lab.ask({ do: 'flow', ...to }))[0]?.name, { timeout: 60_000 })
      .toSatisfy((next: string) => others.includes(next));
  });

  it('go by weight, and none to a weight of 0', async () => {
    const weights = [3, 1, 0];
    const weighted = backends(PORTS.own).map((backend, index) => ({
      ...backend,
      weight: weights[index] ?? 0,
    }));
    await lab.apply(web({ scheduler: 'weightedRoundRobin', backends: weighted }));
    expect(tally(await lab.ask({ do: 'once', ...to, count: 8 }))).toEqual({ master1: 6, master2: 2 });
  });

  it('are refused at once where nobody takes them', async () => {
    await lab.apply(web({ backends: [] }));
    expect(tally(await lab.ask({ do: 'once', ...to, count: 2 }))).toEqual({ ECONNREFUSED: 2 });
    await lab.apply(web({ backends: backends(PORTS.own).map((backend) => ({ ...backend, weight: 0 })) }));
    expect(tally(await lab.ask({ do: 'once', ...to }))).toEqual({ ECONNREFUSED: 1 });
  });

  it('stay with one back end by affinity, until that is gone', async () => {
    await lab.apply(web({ affinitySeconds: 60 }));
    const [{ name = '' } = {}] = await lab.ask({ do: 'once', ...to });
    expect(tally(await lab.ask({ do: 'once', ...to, count: 5 }))).toEqual({ [name]: 5 });
    await lab.apply(
      web({ affinitySeconds: 60, backends: backends(PORTS.own).filter(({ node }) => node !== name) }),
    );
    const after = tally(await lab.ask({ do: 'once', ...to, count: 5 }));
    expect(Object.keys(after)).toHaveLength(1);
    expect(NAMES.filter((each) => each !== name)).toContain(Object.keys(after)[0]);
  });

  it('move by consistent hash only where they must', async () => {
    const placed = async () => {
      const names = new Map<number, string | undefined>();
      for (const number of CLIENTS) {
        const [answer] = await lab.ask({ do: 'once', ...to, from: addressOf(number) });
        names.set(number, answer?.name);
      }
      return names;
    };
    await lab.apply(web({ scheduler: 'consistentHash', masquerade: true }));
    const before = await placed();
    expect(new Set(before.values())).toEqual(new Set(NAMES));
    expect(await placed()).toEqual(before);
    await lab.apply(web({ scheduler: 'consistentHash', backends: backends(PORTS.own).slice(0, 2) }));
    const after = await placed();
    const moved = CLIENTS.filter((number) => after.get(number) !== before.get(number));
    const had = CLIENTS.filter((number) => before.get(number) === 'master3');
    expect(had.every((number) => moved.includes(number))).toBe(true);
    // Maglev moves a few others as well.
    expect(moved.length - had.length).toBeLessThanOrEqual(CLIENTS.length / 4);
  });

  it(
    'can be spread by every scheduler that this kernel has',
    async () => {
      const missing: string[] = [];
      for (const kernelScheduler of KERNEL_SCHEDULERS) {
        const told = await lab.apply(web({ kernelScheduler, scheduler: 'leastConnections' }));
        if (told.length > 0) {
          expect(told.join()).toContain(`does not have the scheduler ${kernelScheduler}`);
          missing.push(kernelScheduler);
        }
        const inForce = told.length > 0 ? 'wlc' : kernelScheduler;
        expect((await lab.table()).join()).toContain(`-s ${inForce} `.trimEnd());
        const names = Object.keys(tally(await lab.ask({ do: 'once', ...to, count: 2 })));
        expect(NAMES).toEqual(expect.arrayContaining(names));
      }
      // It came with Linux 6.2.
      expect(missing).toEqual(['twos']);
    },
    PATIENCE_MS,
  );

  it(
    'are there again after somebody cleared tables and rules; what others have is left alone',
    async () => {
      await lab.apply(web());
      const table = await lab.table();
      const service = `${VIP[4]}:8443`;
      const repair = async (...damage: readonly string[]) => {
        await lab.run('director', ...damage);
        await expect
          .poll(() => lab.order({ verify: true }), { timeout: 60_000 })
          .toEqual({ wasRepaired: true });
        expect(await lab.table()).toEqual(table);
      };
      await repair('ipvsadm', '-D', '-t', service);
      const before = await lab.ask({ do: 'open', ...to, count: 3 });
      await repair('ipvsadm', '-a', '-t', service, '-r', '192.168.113.99:6443', '-m');
      await repair('ipvsadm', '-E', '-t', service, '-s', 'sed');
      expect(await lab.ask({ do: 'again' })).toEqual(before);
      // Whatever is deleted takes its connections with it.
      await repair('ipvsadm', '-d', '-t', service, '-r', `${first?.address}:6443`);
      const left = before.map(({ name }) => (name === 'master1' ? 'ECONNRESET' : name));
      expect((await lab.ask({ do: 'again' })).map(({ name, error }) => name ?? error)).toEqual(left);
      for (const damage of [
        ['iptables-legacy', '-t', 'nat', '-F'],
        ['iptables-legacy', '-t', 'nat', '-F', 'FAIRLEAD-IPVS'],
        ['sysctl', '-qw', 'net.ipv4.vs.conntrack=0'],
      ]) {
        await repair(...damage);
        expect(tally(await lab.ask({ do: 'once', ...to, count: 3 }))).toEqual({
          master1: 1,
          master2: 1,
          master3: 1,
        });
      }
    },
    PATIENCE_MS,
  );

  it(
    'leave nothing behind, neither after an end nor after a kill and a start',
    async () => {
      await lab.apply(web());
      await lab.restartDirector();
      expect(await lab.table()).toEqual([`-A -t ${FOREIGN} -s rr`]);
      await lab.apply(web());
      await lab.restartDirector('none');
      expect(await lab.table()).toEqual([`-A -t ${FOREIGN} -s rr`]);
      await lab.restartDirector();
      await lab.apply(web());
      await lab.order({ stop: true });
      expect(await lab.table()).toEqual([`-A -t ${FOREIGN} -s rr`]);
      expect(await lab.run('director', 'iptables-legacy-save', '-t', 'nat')).not.toContain('FAIRLEAD');
      await lab.restartDirector();
    },
    PATIENCE_MS,
  );
});

describe('a kernel without IPVS', () => {
  it('is refused with what to do about it', async () => {
    const uml = await Uml.boot();
    try {
      const program = import.meta.resolve('@fairlead/agent/balance/ipvs/lab/director-program.ts');
      const word = await uml.talk([process.execPath, new URL(program).pathname]).line();
      expect(word).toContain('this kernel has no IPVS');
      expect(word).toContain('modprobe ip_vs');
    } finally {
      await uml.stop();
    }
  });
});
