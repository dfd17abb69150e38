// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Balancer } from '../balancer.ts';
import { NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { backendOf, modelOf } from '../testing/frontends.ts';
import { layOut } from './lay-out.ts';
import { allChanges, changesTo } from './nat-layer.ts';
import { type Answer, BalanceLab, count, times } from './testing/balance-lab.ts';
import {
  BALANCE_CASES,
  FLOW_PORT,
  OTHER_VIP,
  POD_PORT,
  PODS,
  podAddress,
  served,
  VIP,
  VIP6,
} from './testing/cases.ts';
import { type Outcome, type Packet, PacketTracer } from './testing/packet-tracer.ts';

/** What the client is told when the rules do this with its packet. */
function expectedAnswer({ from, to }: Packet, outcome: Outcome): Answer {
  if (outcome === 'refused') return { error: 'ECONNREFUSED' };
  const family = to.includes(':') ? 6 : 4;
  const pod = PODS.find((each) => podAddress(each, family) === outcome.destination.address);
  const node = podAddress(1, family);
  return { name: `pod${pod}`, from: outcome.isMasqueraded ? node : from };
}

describe('the nftables balancer in the kernel', () => {
  let lab: BalanceLab;
  let balancer: Balancer;

  beforeAll(async () => {
    lab = await BalanceLab.start();
    balancer = await lab.balancer();
  });
  afterEach(() => balancer.apply(NOTHING_TO_BALANCE));
  afterAll(() => lab.close());

  it.each(BALANCE_CASES)('does with each connection what the rules say: $name', async ({ steps }) => {
    const tracer = new PacketTracer();
    tracer.apply(allChanges(NOTHING_TO_BALANCE));
    let model = NOTHING_TO_BALANCE;
    for (const step of steps) {
      if ('serve' in step) {
        const next = layOut(model, modelOf(...step.serve));
        tracer.apply(changesTo(model, next));
        model = next.model;
        await balancer.apply(modelOf(...step.serve));
        continue;
      }
      const predicted = step.connect.map((packet) => expectedAnswer(packet, tracer.connect(packet)));
      expect(await lab.connect(step.connect)).toEqual(predicted);
    }
  });

  it('writes nothing of the other Services', async () => {
    await balancer.apply(modelOf(served(VIP, PODS), served(OTHER_VIP, PODS)));
    await balancer.apply(modelOf(served(VIP, [2, 4]), served(OTHER_VIP, PODS)));
    expect(lab.scripts.at(-1)).not.toContain(OTHER_VIP);
  });

  it('moves a flow of datagrams away from a removed back end', async () => {
    await balancer.apply(modelOf(served(VIP, PODS, { protocol: 'udp', port: 53 })));
    const [first] = await lab.ask(times(1, VIP, 53), 'udpFlow');
    expect(count(await lab.ask(times(5, VIP, 53), 'udpFlow'))).toEqual({ [first?.name ?? '']: 5 });
    const left = PODS.filter((pod) => `pod${pod}` !== first?.name);
    await balancer.apply(modelOf(served(VIP, left, { protocol: 'udp', port: 53 })));
    const [moved] = await lab.ask(times(1, VIP, 53), 'udpFlow');
    expect(left.map((pod) => `pod${pod}`)).toContain(moved?.name);
  });

  it.each([VIP, VIP6])(
    'moves a connection to %s that nobody has answered to another back end',
    async (address) => {
      const family = address.includes(':') ? 6 : 4;
      const mute = backendOf(podAddress(9, family), POD_PORT);
      await balancer.apply(modelOf(served(address, [], { backends: [mute] })));
      const asked = lab.ask(times(1, address));
      await vi.waitFor(async () => {
        const begun = ['conntrack', '-L', '-f', `ipv${family}`, '-p', 'tcp', '--state', 'SYN_SENT'];
        expect(await lab.onNode(begun)).toContain(`src=${mute.address} `);
      });
      await balancer.apply(modelOf(served(address, [3])));
      expect(count(await asked)).toEqual({ pod3: 1 });
    },
  );

  it('lets a pod reach its own Service, itself included, and the node too', async () => {
    await balancer.apply(modelOf(served(VIP, [2])));
    lab.routeFromPod(2, VIP);
    expect(count(await lab.askFrom(2, times(2, VIP)))).toEqual({ pod2: 2 });
    expect(count(await lab.askFrom('node', times(2, VIP)))).toEqual({ pod2: 2 });
  });

  it('writes nothing when nothing differs, and leaves nothing behind', async () => {
    await balancer.apply(modelOf(served(VIP, [2, 3]), served(VIP6, PODS, { affinitySeconds: 60 })));
    const written = lab.scripts.length;
    await balancer.apply(modelOf(served(VIP, [2, 3]), served(VIP6, PODS, { affinitySeconds: 60 })));
    expect(lab.scripts).toHaveLength(written);
    await balancer.apply(NOTHING_TO_BALANCE);
    const ruleset = await lab.onNode(['nft', 'list', 'ruleset']);
    expect(ruleset).not.toContain('numgen');
    expect(ruleset).not.toContain('elements');
    expect(ruleset).not.toContain('dynamic');
  });

  describe.each([VIP, VIP6])('with a connection to %s that is held', (address) => {
    const family = address.includes(':') ? 6 : 4;
    const flow = (pods: readonly number[], parts: Parameters<typeof served>[2] = {}) => {
      const backends = pods.map((pod) => backendOf(podAddress(pod, family), FLOW_PORT));
      return modelOf(served(address, [], { ...parts, backends }));
    };
    const say = async () => (await lab.ask(times(1, address), 'tcpFlow'))[0];

    it('lets it go on through updates, and after its back end was removed', async () => {
      await balancer.apply(flow([2]));
      expect(await say()).toMatchObject({ name: 'pod2' });
      for (const pods of [[2, 3], [3, 4, 2], [3]]) {
        await balancer.apply(flow(pods));
        expect(await say()).toMatchObject({ name: 'pod2' });
      }
      await lab.ask(times(1, address), 'endFlow');
    });

    it.each([true, false])('resets it on demand, and only then (masqueraded: %s)', async (masquerade) => {
      const resets = { masquerade, resetsRemoved: true };
      await balancer.apply(flow([2, 3], resets));
      const first = await say();
      const [gone, left] = first?.name === 'pod2' ? [2, 3] : [3, 2];
      const ending = [backendOf(podAddress(gone, family), FLOW_PORT)];
      await balancer.apply(flow([left], { ...resets, ending }));
      expect(await say()).toEqual(first);
      await balancer.apply(flow([left], resets));
      expect(await say()).toEqual({ error: 'ECONNRESET' });
      expect(await say()).toMatchObject({ name: `pod${left}` });
      await lab.ask(times(1, address), 'endFlow');
    });
  });
});
