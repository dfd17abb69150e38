// SPDX-License-Identifier: Apache-2.0
import { CLIENT, hostOf } from '@fairlead/test-lab/network/plan.ts';
import { afterEach, describe, it } from 'vitest';
import { sharesOf } from './connections.ts';
import { ADDRESS, ADDRESS_V6, MEMBERS, Trio } from './trio.ts';

const CONNECTIONS = 240;
/** Not the port of the API servers. */
const BALANCED_PORT = 8443;

/** `lb_fwdmethod`, with another port at the address than at the API servers, and both families. */
describe('a balanced control plane that', () => {
  let trio: Trio | undefined;

  afterEach(async () => {
    await trio?.stop();
    trio = undefined;
  });

  async function start(
    method: 'masquerade' | 'directroute' | 'local',
    address = `${ADDRESS},${ADDRESS_V6}`,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Trio> {
    trio = await Trio.start({
      // Whoever gets packets to answer by itself needs an agent.
      onlyMembers: true,
      env: {
        address,
        lb_enable: 'true',
        lb_port: String(BALANCED_PORT),
        lb_fwdmethod: method,
        ...more,
      },
    });
    return trio;
  }

  /**
   * Waits until these hosts, and no other, have the connections to the address in about equal shares.
   *
   * @param among share each of them has: one of so many; default: as many as there are
   * @param counted `client`: only those that the API server sees coming from the client
   */
  async function sharedBy(
    started: Trio,
    address: string,
    counted: 'all' | 'client',
    expected: () => Promise<readonly string[]>,
    among?: number,
  ) {
    const { ipv4, ipv6 = '' } = hostOf(started.lab.plan, CLIENT);
    const client = address.includes(':') ? ipv6 : ipv4;
    const target = {
      address,
      port: BALANCED_PORT,
      ...(counted === 'client' ? { source: client } : {}),
    };
    await started.lab.waitFor(
      async () => {
        const hosts = await expected();
        const counts = await sharesOf(started, CONNECTIONS, target);
        const share = CONNECTIONS / (among ?? hosts.length);
        const fits = [...counts].every(([host, count]) =>
          hosts.includes(host) ? count > share * 0.8 && count < share * 1.2 + 10 : count < 10,
        );
        if (!fits) throw new Error(`API servers had ${[...counts].join('; ')} of ${CONNECTIONS} connections`);
        return true;
      },
      { what: `connections to ${address} at their API servers`, timeoutMs: 60_000 },
    );
  }

  it('masquerades reaches all API servers, also for the programs of its own nodes', async () => {
    const started = await start('masquerade');
    for (const address of [ADDRESS, ADDRESS_V6])
      await sharedBy(started, address, 'all', () => Promise.resolve(MEMBERS));
    for (const from of MEMBERS) {
      for (const address of [ADDRESS, ADDRESS_V6]) {
        await sharesOf(started, 12, { address, port: BALANCED_PORT, from });
      }
    }
  });

  it('routes directly has its API servers answer clients themselves', async () => {
    const started = await start('directroute', ADDRESS);
    await sharedBy(started, ADDRESS, 'client', () => Promise.resolve(MEMBERS));
  });

  it('is relayed in user space reaches all API servers', async () => {
    const started = await start('masquerade', ADDRESS, { fairlead_balance: 'userspace' });
    // The proxy reaches the one of its own node by loopback, which is not counted.
    const others = async () => {
      const owner = await started.settled();
      return MEMBERS.filter((member) => member !== owner);
    };
    await sharedBy(started, ADDRESS, 'all', others, MEMBERS.length);
  });

  it('stays local has them all at the node with the address', async () => {
    const started = await start('local');
    for (const address of [ADDRESS, ADDRESS_V6])
      await sharedBy(started, address, 'client', async () => [await started.settled()]);
  });
});
