// SPDX-License-Identifier: Apache-2.0
/** Lab program: a neighbour on the wire that asks, claims and listens with frames of its own making. */
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { NEIGHBOUR_DISCOVERY_FILTER } from '../../system/packet-filter.ts';
import { ETHER_TYPE_ARP, ETHER_TYPE_IPV6, PacketSocket } from '../../system/packet-socket.ts';
import { type ArpFrame, decodeArp, encodeArp } from '../arp/codec.ts';
import { ARP } from '../arp/protocol.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../mac.ts';
import { decodeNdp, encodeNdp, multicastMac, type NdpFrame, solicitedNodeGroup } from '../ndp/codec.ts';
import { NDP } from '../ndp/protocol.ts';
import { serveCommands } from './program.ts';

interface Seen {
  readonly atMs: number;
  readonly arp?: ArpFrame;
  readonly ndp?: NdpFrame;
}

interface Command {
  readonly do: 'ask' | 'claim' | 'seen' | 'clear';
  readonly address?: string;
  /** How long each answer is waited for. */
  readonly waitMs?: number;
  /** How many questions, one after the other. */
  readonly times?: number;
}

const arpSocket = PacketSocket.open('eth0', ETHER_TYPE_ARP);
const ndpSocket = PacketSocket.open('eth0', ETHER_TYPE_IPV6, NEIGHBOUR_DISCOVERY_FILTER);
const mac = arpSocket.mac();
let seen: Seen[] = [];

const drain = (): void => {
  const atMs = systemClock.monotonicMs();
  for (let frame = arpSocket.receive(); frame !== undefined; frame = arpSocket.receive()) {
    const arp = decodeArp(frame.bytes);
    if (arp !== undefined) seen.push({ atMs, arp });
  }
  for (let frame = ndpSocket.receive(); frame !== undefined; frame = ndpSocket.receive()) {
    const ndp = decodeNdp(frame.bytes);
    if (ndp !== undefined) seen.push({ atMs, ndp });
  }
};
setInterval(drain, 1);

const pause = (forMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, forMs));

function sendQuestion(address: string): void {
  if (!address.includes(':')) {
    arpSocket.send(
      encodeArp({
        destinationMac: BROADCAST_MAC,
        sourceMac: mac,
        operation: 'request',
        senderMac: mac,
        senderAddress: '0.0.0.0',
        targetMac: ZERO_MAC,
        targetAddress: address,
      }),
    );
    return;
  }
  const group = solicitedNodeGroup(address);
  ndpSocket.send(
    encodeNdp({
      type: 'solicitation',
      destinationMac: multicastMac(group),
      sourceMac: mac,
      source: 'fd00:18::100',
      destination: group,
      target: address,
      linkMac: mac,
    }),
  );
}

/** The hardware address that a frame gives to `address` in answer to a question of ours. */
function answerIn({ arp, ndp }: Seen, address: string): string | undefined {
  if (arp?.operation === 'reply' && arp.senderAddress === address && arp.destinationMac === mac)
    return arp.senderMac;
  if (ndp?.type === 'advertisement' && ndp.target === address && ndp.isSolicited) return ndp.linkMac;
  return undefined;
}

async function ask(address: string, times: number, waitMs: number): Promise<object> {
  const answers: { mac: string; afterMs: number }[] = [];
  for (let round = 0; round < times; round += 1) {
    drain();
    const before = seen.length;
    const askedMs = systemClock.monotonicMs();
    sendQuestion(address);
    const found = (): Seen | undefined =>
      seen.slice(before).find((frame) => answerIn(frame, address) !== undefined);
    // Not longer than needed; a second answer to one question would be counted in the next round.
    while (found() === undefined && systemClock.monotonicMs() < askedMs + waitMs) await pause(1);
    await pause(2);
    drain();
    for (const frame of seen.slice(before)) {
      const answer = answerIn(frame, address);
      if (answer !== undefined) answers.push({ mac: answer, afterMs: frame.atMs - askedMs });
    }
  }
  return { answers };
}

function claim(address: string): void {
  const protocol = address.includes(':') ? NDP : ARP;
  for (const frame of protocol.announcements(address, mac)) {
    (protocol === NDP ? ndpSocket : arpSocket).send(frame);
  }
}

serveCommands(async (raw) => {
  const command = raw as unknown as Command;
  const address = command.address ?? '0.0.0.0';
  switch (command.do) {
    case 'ask':
      return ask(address, command.times ?? 1, command.waitMs ?? 100);
    case 'claim':
      claim(address);
      return {};
    case 'seen':
      drain();
      return { seen };
    case 'clear':
      drain();
      seen = [];
      return {};
  }
});
