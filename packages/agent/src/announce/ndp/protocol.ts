// SPDX-License-Identifier: Apache-2.0
import { isGroupMac } from '../mac.ts';
import type { NeighbourMessage, NeighbourProtocol, Question } from '../neighbour-protocol.ts';
import { decodeNdp, encodeNdp, multicastMac } from './codec.ts';

const UNSPECIFIED = '::';
const ALL_NODES = 'ff02::1';

/** Neighbour discovery as a neighbour protocol (RFC 4861). */
export const NDP: NeighbourProtocol = {
  family: 6,
  etherType: 0x86dd,

  read(frame: Uint8Array): NeighbourMessage | undefined {
    const ndp = decodeNdp(frame);
    if (ndp === undefined) return undefined;
    const mac = ndp.linkMac ?? ndp.sourceMac;
    if (isGroupMac(mac)) return undefined;
    if (ndp.type === 'advertisement') return { claim: { address: ndp.target, mac } };
    return {
      question: { address: ndp.target, askerMac: mac, askerAddress: ndp.source },
      ...(ndp.source === UNSPECIFIED ? {} : { claim: { address: ndp.source, mac } }),
    };
  },

  /** To a probe for duplicates everybody on the link is told, since its sender has no address yet (section 7.2.4). */
  answer(question: Question, mac: string): Uint8Array {
    if (question.askerAddress === UNSPECIFIED) return unsolicited(question.address, mac);
    return encodeNdp({
      type: 'advertisement',
      destinationMac: question.askerMac,
      sourceMac: mac,
      source: question.address,
      destination: question.askerAddress,
      target: question.address,
      isRouter: false,
      isSolicited: true,
      overrides: true,
      linkMac: mac,
    });
  },

  announcements(address: string, mac: string): readonly Uint8Array[] {
    return [unsolicited(address, mac)];
  },
};

function unsolicited(address: string, mac: string): Uint8Array {
  return encodeNdp({
    type: 'advertisement',
    destinationMac: multicastMac(ALL_NODES),
    sourceMac: mac,
    source: address,
    destination: ALL_NODES,
    target: address,
    isRouter: false,
    isSolicited: false,
    overrides: true,
    linkMac: mac,
  });
}
