// SPDX-License-Identifier: Apache-2.0
import type { AgentId, Message } from './messages.ts';

/** Why a well-signed message is ignored. Stable codes for logs and metrics. */
export type Refusal =
  /** For another agent, or for an earlier instance of this one. */
  | 'notForUs'
  /** Our own, come back. */
  | 'ownMessage'
  /** Taken before, or so old that this cannot be told any more. */
  | 'replayed'
  /** From an instance that has been followed by another. */
  | 'oldInstance';

/** Messages of one instance may overtake each other by so many. Bits in one number. */
const WINDOW = 32;
/** Ended instances that are remembered for each name. */
const MAX_ENDED = 16;
/** Instances of one name that may be spoken with before they have answered to us. */
const MAX_UNPROVEN = 4;

/** What has been taken from one instance. */
interface Seen {
  highest: number;
  /** Bit n: `highest - n` was taken. */
  taken: number;
}

/** What is known of one name. */
interface Peer {
  /** Its living instance: the last one that proved to be alive. */
  current: string | undefined;
  readonly instances: Map<string, Seen>;
  readonly ended: Set<string>;
}

/**
 * Lets each message through once, and none of an instance that has ended. Sits between the codec, which says that a message
 * is authentic, and the state machines, which think about what it says.
 *
 * Instances are random, so nobody can tell from two of them which is newer. An instance proves that it is alive now by
 * answering to *our* instance, which nobody could have known before we started; with that, any other instance of its name
 * has ended. A message to whoever has our name proves nothing: it is let through once, but ends nobody, so that a recorded
 * one cannot silence an agent that is alive.
 */
export class ReplayGuard {
  readonly #self: AgentId;
  readonly #peers = new Map<string, Peer>();

  constructor(self: AgentId) {
    this.#self = self;
  }

  /** Undefined: new, and for us. */
  check(message: Message): Refusal | undefined {
    const { from, to, toInstance } = message;
    if (from.name === this.#self.name && from.instance === this.#self.instance) return 'ownMessage';
    if (to !== this.#self.name) return 'notForUs';
    const isProof = toInstance === this.#self.instance;
    if (!isProof && toInstance !== '') return 'notForUs';
    const peer = this.#peerNamed(from.name);
    if (peer.ended.has(from.instance)) return 'oldInstance';
    if (isProof && peer.current !== from.instance) startInstance(peer, from.instance);
    return take(seenOf(peer, from.instance), message.sequence) ? undefined : 'replayed';
  }

  /** Instance of this name that is known to be alive, or was last. */
  instanceOf(name: string): string | undefined {
    return this.#peers.get(name)?.current;
  }

  /** Forgets all names but these: those of the members that there are. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#peers.keys()) if (!names.has(name)) this.#peers.delete(name);
  }

  #peerNamed(name: string): Peer {
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      peer = { current: undefined, instances: new Map(), ended: new Set() };
      this.#peers.set(name, peer);
    }
    return peer;
  }
}

/** From now on this is the one; the one before has ended. Others may yet prove to be alive. */
function startInstance(peer: Peer, instance: string): void {
  const before = peer.current;
  peer.current = instance;
  if (before === undefined) return;
  peer.instances.delete(before);
  peer.ended.add(before);
  if (peer.ended.size > MAX_ENDED) deleteFirst(peer.ended);
}

function seenOf(peer: Peer, instance: string): Seen {
  let seen = peer.instances.get(instance);
  if (seen === undefined) {
    const unproven = [...peer.instances.keys()].filter((known) => known !== peer.current);
    if (unproven.length >= MAX_UNPROVEN) peer.instances.delete(unproven[0] ?? '');
    seen = { highest: -1, taken: 0 };
    peer.instances.set(instance, seen);
  }
  return seen;
}

/** False: taken before, or too old to tell. */
function take(seen: Seen, sequence: number): boolean {
  const ahead = sequence - seen.highest;
  if (ahead > 0) {
    seen.taken = ahead >= WINDOW ? 1 : (seen.taken << ahead) | 1;
    seen.highest = sequence;
    return true;
  }
  const bit = 1 << -ahead;
  if (-ahead >= WINDOW || (seen.taken & bit) !== 0) return false;
  seen.taken |= bit;
  return true;
}

function deleteFirst(set: Set<string>): void {
  for (const first of set) {
    set.delete(first);
    return;
  }
}
