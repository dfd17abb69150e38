// SPDX-License-Identifier: Apache-2.0
import { BROADCAST_MAC, isGroupMac, ZERO_MAC } from '../mac.ts';
import type { NeighbourMessage, NeighbourProtocol, Question } from '../neighbour-protocol.ts';
import { decodeArp, encodeArp } from './codec.ts';

const UNSPECIFIED = '0.0.0.0';

/** ARP as a neighbour protocol (RFC 826, RFC 5227). */
export const ARP: NeighbourProtocol = {
  family: 4,
  etherType: 0x0806,

  read(frame: Uint8Array): NeighbourMessage | undefined {
    const arp = decodeArp(frame);
    // A station whose own address has the group bit set does not exist; answering would go to many.
    if (arp === undefined || isGroupMac(arp.senderMac)) return undefined;
    const isQuestion = arp.operation === 'request' && arp.senderAddress !== arp.targetAddress;
    return {
      ...(isQuestion
        ? {
            question: {
              address: arp.targetAddress,
              askerMac: arp.senderMac,
              askerAddress: arp.senderAddress,
            },
          }
        : {}),
      ...(arp.senderAddress === UNSPECIFIED
        ? {}
        : { claim: { address: arp.senderAddress, mac: arp.senderMac } }),
    };
  },

  answer(question: Question, mac: string): Uint8Array {
    return encodeArp({
      destinationMac: question.askerMac,
      sourceMac: mac,
      operation: 'reply',
      senderMac: mac,
      senderAddress: question.address,
      targetMac: question.askerMac,
      targetAddress: question.askerAddress,
    });
  },

  /**
   * Request form first, reply form second: some stacks learn from one only. In the reply the target hardware address
   * is our own, as RFC 5944 section 4.6 says; Linux takes a reply for gratuitous (and lets it override an entry younger
   * than a second) only in that form.
   */
  announcements(address: string, mac: string): readonly Uint8Array[] {
    const common = {
      destinationMac: BROADCAST_MAC,
      sourceMac: mac,
      senderMac: mac,
      senderAddress: address,
      targetAddress: address,
    };
    return [
      encodeArp({ ...common, operation: 'request', targetMac: ZERO_MAC }),
      encodeArp({ ...common, operation: 'reply', targetMac: mac }),
    ];
  },
};
