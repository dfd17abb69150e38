// SPDX-License-Identifier: Apache-2.0
import { CLIENT, hostOf } from '@fairlead/test-lab/network/plan.ts';
import { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BACKEND_PORT, HOSTS, Trio, VIP } from './trio.ts';

/** What a back end says of one request. */
interface Echo {
  readonly pod: string;
  readonly client: string;
}

/** The same three hosts: each is a back end, and answers the client past the host that has the address. */
describe('three hosts whose back ends answer clients themselves', () => {
  let trio: Trio;
  let observer: NeighborObserver;

  beforeAll(async () => {
    trio = await Trio.start({ more: 'balance: nftables', loadBalancers });
    await trio.startAgents();
    observer = await NeighborObserver.start(trio.network, { addresses: [VIP] });
  });

  afterAll(async () => {
    await observer?.stop();
    await trio?.stop();
  });

  const loadBalancers = ({ network }: Pick<Trio, 'network'>) =>
    [
      '- name: direct',
      '  type: tcp',
      `  port: ${BACKEND_PORT}`,
      '  bindToVip: true',
      '  forwarding: dsr',
      '  backends:',
      ...HOSTS.map((host) => `  - {address: ${hostOf(network.plan, host).ipv4}, port: ${BACKEND_PORT}}`),
    ].join('\n');

  const ask = async (): Promise<Echo | undefined> => {
    const argv = ['curl', '-sf', '-m', '2', `http://${VIP}:${BACKEND_PORT}/ip`];
    const { code, stdout } = await trio.network.exec(CLIENT, argv);
    return code === 0 ? (JSON.parse(stdout) as Echo) : undefined;
  };
  const askOften = async (times: number) => {
    const answers: (Echo | undefined)[] = [];
    for (let count = 0; count < times; count++) answers.push(await ask());
    return answers;
  };
  const untilFrom = (hosts: readonly string[]) =>
    waitFor(
      async () => {
        const answers = await askOften(30);
        const client = hostOf(trio.network.plan, CLIENT).ipv4;
        const seen = new Set(answers.map((answer) => answer?.pod));
        return answers.every((each) => each?.client === client) && seen.size === hosts.length;
      },
      { what: `answers of ${hosts.join(', ')}, which see the client's address`, timeoutMs: 20_000 },
    );

  it('see the client as it is, the one with the address as well', async () => {
    await trio.firstOwner(observer);
    await untilFrom(HOSTS);
  });

  it('go on without the owner and its back end', async () => {
    const owner = await trio.firstOwner(observer);
    await trio.network.kill(owner);
    await waitFor(() => trio.ownerOf(observer) !== owner, { what: `another owner than ${owner}` });
    await untilFrom(HOSTS.filter((host) => host !== owner));
    expect(observer.judge({ address: VIP }).longestTwoOwnersMs).toBe(0);
  });
});
