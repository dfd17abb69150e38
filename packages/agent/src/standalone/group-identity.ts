// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { formatEndpoint } from '../ownership/group/own-endpoint.ts';
import type { RaftKeys } from '../ownership/raft-driver/raft-port.ts';
import type { Peer } from './config/standalone-config.ts';

/** All that hosts must have in common to be of one group. */
export interface GroupDescription {
  readonly peers: readonly Peer[];
  readonly vips: readonly string[];
}

/**
 * The id of a group, 32 hex digits: hosts whose files name other hosts or other addresses are of another group, and do not
 * hear each other. So a file can be changed on one host after the other, as long as it is changed by one host at a time: of
 * two majorities, one of each group, one host is in both, and it is only in one group at a time. Pure.
 */
export function groupIdOf(group: GroupDescription): string {
  return digest('group', group).toString('hex').slice(0, 32);
}

/** A key for a group that was given none. It tells apart, and protects from nobody: all that it is made of can be guessed. Pure. */
export function openKeys(group: GroupDescription): RaftKeys {
  return { signing: new Uint8Array(digest('key', group)), others: [] };
}

/** Name -> where it is reached. */
export function endpointsOf(peers: readonly Peer[]): ReadonlyMap<string, string> {
  return new Map(peers.map(({ name, address, port }) => [name, formatEndpoint(address, port)]));
}

function digest(purpose: string, { peers, vips }: GroupDescription): Buffer {
  const hosts = [...endpointsOf(peers)].map(([name, endpoint]) => `${name}=${endpoint}`).sort();
  const text = ['fairlead', purpose, ...hosts, ...[...vips].sort()].join('\n');
  return createHash('sha256').update(text).digest();
}
