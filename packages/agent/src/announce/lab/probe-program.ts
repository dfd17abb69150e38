// SPDX-License-Identifier: Apache-2.0
/** Lab program: a neighbour on the wire that asks, claims and listens with frames of its own making. */
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { ETHER_TYPE_ARP, PacketSocket } from '../../system/packet-socket.ts';
import { type ArpFrame, decodeArp, encodeArp } from '../arp/codec.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../mac.ts';
import { serveCommands } from './program.ts';

interface Seen extends ArpFrame {
  readonly atMs: number;
}

interface Command {
  readonly do: 'ask' | 'claim' | 'seen' | 'clear';
  readonly address?: string;
  /** Sender address of a question; the probe's own by default is 0.0.0.0. */
  readonly from?: string;
  /** How long answers are waited for. */
  readonly waitMs?: number;
  /** How many questions, one each 20 ms. */
  readonly times?: number;
}

const socket = PacketSocket.open('eth0', ETHER_TYPE_ARP);
const mac = socket.mac();
let seen: Seen[] = [];

const drain = (): void => {
  for (let frame = socket.receive(); frame !== undefined; frame = socket.receive()) {
    const arp = decodeArp(frame.bytes);
    if (arp !== undefined) seen.push({ ...arp, atMs: systemClock.monotonicMs() });
  }
};
setInterval(drain, 1);

const pause = (forMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, forMs));

serveCommands(async (raw) => {
  const command = raw as unknown as Command;
  const address = command.address ?? '0.0.0.0';
  switch (command.do) {
    case 'ask': {
      const answers: { mac: string; afterMs: number }[] = [];
      for (let round = 0; round < (command.times ?? 1); round += 1) {
        const askedMs = systemClock.monotonicMs();
        const before = seen.length;
        socket.send(
          encodeArp({
            destinationMac: BROADCAST_MAC,
            sourceMac: mac,
            operation: 'request',
            senderMac: mac,
            senderAddress: command.from ?? '0.0.0.0',
            targetMac: ZERO_MAC,
            targetAddress: address,
          }),
        );
        const endMs = askedMs + (command.waitMs ?? 20);
        while (systemClock.monotonicMs() < endMs) await pause(1);
        drain();
        for (const frame of seen.slice(before)) {
          const isAnswer =
            frame.operation === 'reply' && frame.senderAddress === address && frame.destinationMac === mac;
          if (isAnswer) answers.push({ mac: frame.senderMac, afterMs: frame.atMs - askedMs });
        }
      }
      return { answers };
    }
    case 'claim':
      socket.send(
        encodeArp({
          destinationMac: BROADCAST_MAC,
          sourceMac: mac,
          operation: 'request',
          senderMac: mac,
          senderAddress: address,
          targetMac: ZERO_MAC,
          targetAddress: address,
        }),
      );
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
