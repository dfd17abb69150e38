// SPDX-License-Identifier: Apache-2.0
import { identityOf, type ListedRule } from './accept-rule.ts';
import type { WantedRule } from './pool-rules.ts';

/** The chain by which kube-proxy takes traffic, in its modes `iptables` and `ipvs`. */
export const KUBE_PROXY_CHAIN = 'KUBE-SERVICES';

/** What has to be done to a chain. */
export interface Plan {
  /** Rules (all after `-A PREROUTING `) to delete, in this order. */
  readonly deletions: readonly string[];
  /** Rules to put in front, in the order in which they then stand. */
  readonly insertions: readonly string[];
}

/** How strict {@link planChange} is about the place. */
export type Place =
  /** Before all other rules. */
  | 'first'
  /** Before kube-proxy's jump: others that want to be first, too, are let. */
  | 'before-kube-proxy';

/**
 * What turns a chain into one where the wanted rules, and no other tagged ones, stand in front; undefined when it is one. Rules that are
 * right stay: accepting is the same in any order. Pure.
 */
export function planChange(
  listed: readonly ListedRule[],
  wanted: readonly WantedRule[],
  place: Place = 'first',
): Plan | undefined {
  const specs = new Map(
    wanted.map(({ cidr, comment }) => [identityOf(cidr, comment), specOf(cidr, comment)]),
  );
  const front = listed.slice(0, endOfFront(listed, place));
  const copies = new Map<string, number>();
  for (const { identity } of listed) {
    if (identity !== undefined) copies.set(identity, (copies.get(identity) ?? 0) + 1);
  }
  // Deleting is by content and takes the first match, so of one that is there twice none can be kept.
  const kept = new Set(
    front.flatMap(({ identity }) =>
      identity !== undefined && specs.has(identity) && copies.get(identity) === 1 ? [identity] : [],
    ),
  );
  const deletions = listed
    .filter(({ isTagged, identity }) => isTagged && (identity === undefined || !kept.has(identity)))
    .map(({ spec }) => spec);
  const insertions = [...specs].flatMap(([identity, spec]) => (kept.has(identity) ? [] : [spec]));
  return deletions.length === 0 && insertions.length === 0 ? undefined : { deletions, insertions };
}

/** Number of rules that stand where ours belong. */
function endOfFront(listed: readonly ListedRule[], place: Place): number {
  const end = listed.findIndex(({ isTagged, target }) =>
    place === 'first' ? !isTagged : target === KUBE_PROXY_CHAIN,
  );
  return end < 0 ? listed.length : end;
}

function specOf(cidr: string, comment: string): string {
  return `-d ${cidr} -m comment --comment "${comment}" -j ACCEPT`;
}

/** The plan as lines for `iptables-restore --noflush`, table and commit left out. */
export function restoreLines({ deletions, insertions }: Plan): readonly string[] {
  return [
    ...deletions.map((spec) => `-D PREROUTING ${spec}`),
    // Each takes the first place, so the last one comes first.
    ...insertions.toReversed().map((spec) => `-I PREROUTING 1 ${spec}`),
  ];
}

/** Whether kube-proxy hooks into this chain. */
export function hasKubeProxy(listed: readonly ListedRule[]): boolean {
  return listed.some(({ target }) => target === KUBE_PROXY_CHAIN);
}
