// SPDX-License-Identifier: Apache-2.0

/**
 * Place of `node` among `nodes` for this key: 0 is first choice. Rendezvous hashing: each key orders the nodes in its own
 * way, so keys spread evenly, and a node that comes or goes changes the place of the others by at most one. A node that
 * is not in the list comes after all. Pure.
 */
export function rendezvousRank(key: string, node: string, nodes: Iterable<string>): number {
  const seed = rendezvousSeed(key);
  const own = rendezvousWeight(seed, node);
  let rank = 0;
  let listed = false;
  for (const other of nodes) {
    if (other === node) {
      listed = true;
      continue;
    }
    const weightOfOther = rendezvousWeight(seed, other);
    if (weightOfOther > own || (weightOfOther === own && other < node)) rank++;
  }
  return listed ? rank : Number.POSITIVE_INFINITY;
}

/** Weight of `node` for this key; the node with the highest is first choice. */
export function rendezvousWeight(seed: number, node: string): number {
  let hash = addText(seed, node);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The part of the weights of a key that is the same for all nodes: worked out once per key. */
export function rendezvousSeed(key: string): number {
  return addText(addText(0x811c9dc5, key), '\0');
}

/** 32-bit FNV-1a over both names, then MurmurHash3's finalizer, without which similar names get similar weights. */
function addText(hash: number, text: string): number {
  let sum = hash;
  for (let index = 0; index < text.length; index++) {
    sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  }
  return sum;
}
