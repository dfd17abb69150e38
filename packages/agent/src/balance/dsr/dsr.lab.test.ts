// SPDX-License-Identifier: Apache-2.0
import { addressOf, bitsOf } from '@fairlead/shared/address/address.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { jenkinsHash, scaleHash } from '../model/jenkins-hash.ts';
import { backendOf, frontendOf } from '../testing/frontends.ts';
import { FLOW_SEED } from './flow-rules.ts';
import { type Answer, DsrNetwork, type DsrNode, POD_PORT, podsOf, type Talker } from './lab/dsr-network.ts';
import { SLOTS, slotTable } from './slots.ts';

const VIP = { 4: '172.31.0.200', 6: 'fd00:31::c8' } as const;
const CLIENT_PROGRAM = '../../nft/lab/client-program.ts';
const POD_PROGRAM = '../../nft/lab/echo-program.ts';

describe('direct return between nodes', () => {
  let network: DsrNetwork;
  let flows: Talker;
  let client: Talker;

  beforeAll(async () => {
    network = await DsrNetwork.build(4);
    for (const { name, pod } of network.nodes) {
      await network.start(pod, 'flows-program.ts', 'server', pod, String(POD_PORT.flows));
      await network.start(pod, POD_PROGRAM, pod, String(POD_PORT.answers));
      await network.start(name, 'flows-program.ts', 'server', name, String(POD_PORT.hosts));
    }
    client = await network.start('client', CLIENT_PROGRAM);
  }, 60_000);
  afterAll(() => network.remove());

  const dsr = (
    parts: Partial<Frontend> = {},
    family: 4 | 6 = 4,
    nodes: readonly DsrNode[] = network.nodes.slice(0, 3),
  ) => {
    const port = parts.port === 81 ? POD_PORT.answers : POD_PORT.flows;
    return frontendOf(VIP[family], podsOf(nodes, family, port), { forwarding: 'dsr', ...parts });
  };
  const open = async (count: number, family: 4 | 6 = 4) => {
    flows = await network.start('client', 'flows-program.ts');
    return await flows.ask({ open: count, to: VIP[family], port: 80 });
  };

  it.each([4, 6] as const)(
    'sends each flow of IPv%i to the node that the table says, which answers the client itself',
    async (family) => {
      const [holder] = nodesOf(network);
      network.hold(VIP[family], holder);
      await network.apply([dsr({}, family)]);
      const senders = network.watchSenders(VIP[family]);
      const answers = await open(60, family);
      const nodes = network.nodes.slice(0, 3);
      expect(new Set(answers.map(({ name }) => name))).toEqual(new Set(nodes.map(({ pod }) => pod)));
      expect(new Set(answers.map(({ from }) => from))).toEqual(new Set([network.clientAddress[family]]));
      const hops = nodes.map(({ address }) => ({ key: address[family], weight: 1, ending: 0 }));
      const { owners } = slotTable(hops);
      for (const { port, name } of answers) {
        const slot = slotOf(network.clientAddress[family], port ?? 0);
        expect(name).toBe(nodes[owners[slot] ?? -1]?.pod);
      }
      // A SYN-ACK and an answer at least for each flow.
      const seen = senders();
      for (const { name, pod } of nodes)
        expect(seen[name]).toBeGreaterThanOrEqual(2 * answers.filter((each) => each.name === pod).length);
    },
  );

  it('keeps all flows when a node comes, when one only ends what it has, and when the address moves', async () => {
    const [first, second, third] = nodesOf(network);
    network.hold(VIP[4], first);
    await network.apply([dsr()]);
    const before = await open(60);
    await network.apply([dsr({}, 4, network.nodes)]);
    expect(await flows.ask({})).toEqual(before);
    await network.apply([dsr({ ending: podsOf([third]) }, 4, [first, second])]);
    expect(await flows.ask({})).toEqual(before);
    const after = await flows.ask({ open: 30, to: VIP[4], port: 80 });
    expect(after.slice(0, 60)).toEqual(before);
    expect(new Set(after.slice(60).map(({ name }) => name))).toEqual(new Set([first.pod, second.pod]));
    network.hold(VIP[4], second);
    expect(await flows.ask({})).toEqual(after);
  });

  it.each([4, 6] as const)(
    'keeps flows of IPv%i, and takes new ones, while a client still sends to the node that had the address',
    async (family) => {
      const [first, second, third] = nodesOf(network);
      network.hold(VIP[family], first);
      await network.apply([dsr({}, family)]);
      const before = await open(30, family);
      network.hold(VIP[family], second);
      network.believe(VIP[family], first);
      const misled = await flows.ask({ open: 30, to: VIP[family], port: 80 });
      expect(misled.slice(0, 30)).toEqual(before);
      expect(new Set(misled.map(({ from }) => from))).toEqual(new Set([network.clientAddress[family]]));
      // Those that began on the third node go from the first to the second, which does not know them either.
      await network.apply([dsr({ ending: podsOf([third], family) }, family, [first, second])]);
      expect(await flows.ask({})).toEqual(misled);
      network.believe(VIP[family], second);
      expect(await flows.ask({})).toEqual(misled);
      network.hold(VIP[family], first);
    },
  );

  it('gives no new flow to a lost node, and takes none from the others', async () => {
    const [first, second, third] = nodesOf(network);
    network.hold(VIP[4], first);
    await network.apply([dsr()]);
    const before = await open(30);
    network.plug(third, 'down');
    await network.apply([dsr({}, 4, [first, second])], [third]);
    const fresh = await client.ask({ to: Array(20).fill([VIP[4], 81]), over: 'tcp' });
    expect(fresh).toHaveLength(20);
    const after = await flows.ask({});
    const left = (answers: readonly Answer[]) => answers.filter((_, at) => before[at]?.name !== third.pod);
    expect(left(after)).toEqual(left(before));
    network.plug(third, 'up');
  });

  it('sends datagrams to one node, and puts fragments together itself', async () => {
    const [holder] = nodesOf(network);
    network.hold(VIP[4], holder);
    await network.apply([dsr({ protocol: 'udp', port: 81 })]);
    const answers = await client.ask({ to: Array(12).fill([VIP[4], 81]), over: 'udp' });
    expect(new Set(answers.map(({ from }) => from))).toEqual(new Set([network.clientAddress[4]]));
    const once = await client.ask({ to: Array(5).fill([VIP[4], 81]), over: 'udpFlow' });
    expect(new Set(once.map(({ name }) => name)).size).toBe(1);
    const large = await client.ask({ to: [[VIP[4], 81]], over: 'udp', bytes: 4_000 });
    expect(large).toMatchObject([{ name: expect.stringMatching(/^fdp/) }]);
  });

  it('keeps clients with their node where that is wanted', async () => {
    const [holder] = nodesOf(network);
    network.hold(VIP[4], holder);
    await network.apply([dsr({ affinitySeconds: 60, scheduler: 'sourceHash' })]);
    expect(new Set((await open(20)).map(({ name }) => name)).size).toBe(1);
  });

  it('leaves policy Local to the node that holds the address', async () => {
    const [first, second] = nodesOf(network);
    network.hold(VIP[4], second);
    await network.apply([dsr({ masquerade: false }, 4, [second])]);
    expect(new Set((await open(10)).map(({ name, from }) => `${name} ${from}`))).toEqual(
      new Set([`${second.pod} ${network.clientAddress[4]}`]),
    );
    network.hold(VIP[4], first);
  });

  it('serves pods and nodes, a pod of its own included, wherever the address is', async () => {
    const [first, second, , fourth] = nodesOf(network);
    network.hold(VIP[4], first);
    await network.apply([dsr({ port: 81 })]);
    for (const host of [first.pod, second.pod, fourth.pod, second.name, fourth.name, first.name]) {
      const inside = await network.start(host, CLIENT_PROGRAM);
      const answers = await inside.ask({ to: Array(6).fill([VIP[4], 81]), over: 'tcp' });
      expect(answers.map(({ name }) => name)).toEqual(Array(6).fill(expect.stringMatching(/^fdp[123]$/)));
    }
  });

  it.each([4, 6] as const)(
    'sends to hosts that hold the address of IPv%i themselves, and to the back ends of those that balance',
    async (family) => {
      const [first, second, third, fourth] = nodesOf(network);
      const port = POD_PORT.hosts;
      const hosts = [first, second, third, fourth].map(({ address }) => backendOf(address[family], port));
      const parts = { port, forwarding: 'directRoute', masquerade: false } as const;
      network.hold(VIP[family], first);
      for (const plain of [third, fourth]) network.holdSilently(VIP[family], plain);
      await network.apply([], [first, second]);
      await network.apply([frontendOf(VIP[family], hosts, parts)], [third, fourth]);
      const senders = network.watchSenders(VIP[family]);
      flows = await network.start('client', 'flows-program.ts');
      const before = await flows.ask({ open: 60, to: VIP[family], port });
      expect(new Set(before.map(({ from }) => from))).toEqual(new Set([network.clientAddress[family]]));
      const seen = senders();
      for (const { name } of network.nodes) {
        const own = before.filter((answer) => answer.name === name);
        expect(own.length).toBeGreaterThan(0);
        expect(seen[name]).toBeGreaterThanOrEqual(2 * own.length);
      }
      // One that balances need not hold the address to be a back end.
      network.hold(VIP[family], second);
      for (const plain of [third, fourth]) network.holdSilently(VIP[family], plain);
      expect(await flows.ask({})).toEqual(before);
      const inside = await network.start(first.name, 'flows-program.ts');
      const answers = await inside.ask({ open: 3, to: VIP[family], port });
      expect(answers.map(({ name }) => name)).toEqual(Array(3).fill(first.name));
    },
  );

  it('has more than a transaction of the kernel takes', async () => {
    const [first, second, third, fourth] = nodesOf(network);
    for (const family of [4, 6] as const) network.hold(VIP[family], first);
    const groups = [
      [first, second, third],
      [second, third],
      [third, fourth],
    ];
    await network.apply(
      ([4, 6] as const).flatMap((family) =>
        groups.map((nodes, index) => {
          const port = 81 + index;
          const pods = podsOf(nodes, family, POD_PORT.answers);
          return dsr({ backends: pods, port }, family);
        }),
      ),
    );
    for (const [index, nodes] of groups.entries()) {
      const to = ([4, 6] as const).flatMap((family) => Array(20).fill([VIP[family], 81 + index]));
      const answers = await client.ask({ to, over: 'tcp' });
      expect(new Set(answers.map(({ name }) => name))).toEqual(new Set(nodes.map(({ pod }) => pod)));
    }
  });

  it('leaves nothing behind', async () => {
    await network.apply([]);
    for (const { name } of network.nodes) {
      const rules = network.run(name, 'nft', 'list', 'ruleset');
      expect(rules).toContain('table netdev fairlead-dsr');
      expect(rules).not.toMatch(/hook ingress|jhash|elements/);
    }
  });
});

function nodesOf({ nodes }: DsrNetwork) {
  const [first, second, third, fourth] = nodes;
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    throw new Error('there should be four nodes');
  return [first, second, third, fourth] as const;
}

function addressFrom(text: string) {
  const address = addressOf(text);
  if (address === undefined) throw new Error(`"${text}" is not an address`);
  return address;
}

/** What the kernel makes of a client's address and port. */
function slotOf(address: string, port: number): number {
  const { family, value } = addressFrom(address);
  const hex = value.toString(16).padStart(bitsOf(family) / 4, '0') + port.toString(16).padStart(4, '0');
  return scaleHash(jenkinsHash(Buffer.from(`${hex}0000`, 'hex'), FLOW_SEED), SLOTS);
}
