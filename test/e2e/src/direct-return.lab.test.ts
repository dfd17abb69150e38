// SPDX-License-Identifier: Apache-2.0
import { CLIENT, hostOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const DSR = { 'fairlead.io/forwarding': 'dsr' } as const;

/** What the echo application says of one request. */
interface Echo {
  readonly client: string;
  readonly node: string;
}

/** Direct return between nodes as a user has it: an annotation, real agents, and a client that looks at what pods see. */
describe('direct return', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_balance: 'nftables' } });
    await cluster.setPools({ 'range-global': '172.18.0.130-172.18.0.199,fd00:18::c8-fd00:18::ff' });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  /** One request over a connection of its own; undefined when it fails. */
  const ask = async (address: string): Promise<Echo | undefined> => {
    const host = address.includes(':') ? `[${address}]` : address;
    const argv = ['curl', '-sf', '-g', '-m', '2', `http://${host}/ip`];
    const { code, stdout } = await cluster.lab.exec(CLIENT, argv);
    return code === 0 ? (JSON.parse(stdout) as Echo) : undefined;
  };
  const askOften = async (address: string, times: number) => {
    const answers: (Echo | undefined)[] = [];
    for (let count = 0; count < times; count++) answers.push(await ask(address));
    return answers;
  };

  it('reaches pods of all nodes, which see the client as it is, on both families', async () => {
    const families = { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] };
    await cluster.expose('direct', families, DSR);
    const [four = '', six = ''] = await cluster.addressesOf('direct', 2);
    const { ipv4, ipv6 } = hostOf(cluster.lab.plan, CLIENT);
    for (const [address, client] of [
      [four, ipv4],
      [six, ipv6],
    ] as const) {
      await cluster.answers(address);
      await cluster.lab.waitFor(
        async () => {
          const answers = await askOften(address, 12);
          const nodes = new Set(answers.map((answer) => answer?.node));
          return answers.every((answer) => answer?.client === client) && nodes.size > 1;
        },
        { what: `answers to ${client} from pods on several nodes` },
      );
    }
  });

  it('leaves out a node that is cut off', async () => {
    const [address = ''] = await cluster.addressesOf('direct', 2);
    const observer = await cluster.lab.observeNeighbors();
    observer.watch(address);
    const owner = await cluster.commonOwner(observer, [address]);
    await observer.stop();
    const nodes = new Set((await askOften(address, 12)).flatMap((answer) => answer?.node ?? []));
    const [other = ''] = [...nodes].filter((node) => node !== owner);
    await cluster.lab.partition(other);
    try {
      await cluster.lab.waitFor(
        async () => (await askOften(address, 12)).every((each) => each !== undefined),
        {
          what: `requests that do not depend on ${other}`,
        },
      );
    } finally {
      await cluster.lab.heal(other);
    }
    await cluster.agentsReady();
    await cluster.remove('direct');
  });

  it('is refused with a word that nobody knows, and the Service goes on by NAT', async () => {
    await cluster.expose('odd', {}, { 'fairlead.io/forwarding': 'sideways' });
    await cluster.answers(await cluster.addressOf('odd'));
    const { reason } = await cluster.warningAbout('odd', /sideways.*nat, dsr, direct-route/);
    expect(reason).toBe('ForwardingInvalid');
    await cluster.remove('odd');
  });
});
