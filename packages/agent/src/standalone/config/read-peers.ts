// SPDX-License-Identifier: Apache-2.0
import { formatAddress, parseAddress } from '@fairlead/shared/address/address.ts';
import { isMemberName } from '../../ownership/raft/group-record.ts';
import { PORT, type Section } from './section.ts';
import type { Peer } from './standalone-config.ts';

const DEFAULT_PORT = 10_000;

/** Reads `localPeer` and `remotePeers`: this host first. Empty when there is no `localPeer`. */
export function readPeers(root: Section): readonly Peer[] {
  const local = root.section('localPeer');
  const own = local === undefined ? undefined : readPeer(local);
  const peers = own === undefined ? [] : [own];
  for (const section of root.sections('remotePeers')) {
    const peer = readPeer(section);
    if (peer === undefined) continue;
    const same = peers.find(({ name }) => name === peer.name);
    // One file for all hosts may list them all.
    if (same !== undefined && sameEndpoint(same, peer)) continue;
    if (same !== undefined) section.problem('id', 'a name of its own for each host');
    else if (peers.some((each) => sameEndpoint(each, peer)))
      section.problem('address', 'another one for each host');
    else peers.push(peer);
  }
  return peers;
}

function readPeer(section: Section): Peer | undefined {
  const name = section.string('id')?.toLowerCase();
  const address = section.parse('address', parseAddress);
  const port = section.integer('port', PORT) ?? DEFAULT_PORT;
  section.finish();
  if (name === undefined || !isMemberName(name)) {
    section.problem('id', 'a name of letters, digits, "-" and "."');
    return undefined;
  }
  if (address === undefined) {
    if (!section.has('address'))
      section.problem('address', 'the IP address at which the other hosts reach this one');
    return undefined;
  }
  return { name, address: formatAddress(address), port };
}

function sameEndpoint(a: Peer, b: Peer): boolean {
  return a.address === b.address && a.port === b.port;
}
