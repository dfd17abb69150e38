// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import type { Claim, Standing } from '../holdings.ts';
import type { SharingTerms } from '../sharing.ts';

/** What one Service says about one address, as the rules of sharing are written down: the slow way. */
export interface Say {
  readonly service: string;
  readonly standing: Standing;
  readonly createdAt: string;
  readonly sharing: SharingTerms | undefined;
}

const STANDINGS: readonly Standing[] = ['accepted', 'kept', 'serving', 'requested'];

/** Whether the rules let two Services have one address. */
export function mayShare(a: SharingTerms | undefined, b: SharingTerms | undefined): boolean {
  if (a === undefined || b === undefined || a.ports.length === 0 || b.ports.length === 0) return false;
  const neighbours = a.namespace === b.namespace || (a.acrossNamespaces && b.acrossNamespaces);
  const local = a.localSelector !== undefined || b.localSelector !== undefined;
  return (
    neighbours &&
    a.interface === b.interface &&
    (!local || a.selector === b.selector) &&
    a.ports.every((port) => !b.ports.includes(port))
  );
}

/** Those who may have the address, in order. */
export function admittedOf(says: readonly Say[]): readonly Say[] {
  // Terms that let nobody in are none: only sharers can have edited their ports at the cost of others.
  const isUnsettled = ({ sharing }: Say) =>
    sharing !== undefined && sharing.ports.length > 0 && !sharing.settled;
  const rank = (say: Say) =>
    [STANDINGS.indexOf(say.standing), isUnsettled(say) ? 1 : 0, say.createdAt, say.service].join(' ');
  const admitted: Say[] = [];
  for (const say of says.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))) {
    if (admitted.every((other) => mayShare(other.sharing, say.sharing))) admitted.push(say);
  }
  return admitted;
}

/** Whether somebody else keeps this one from having the address. */
export function isBlocked(says: readonly Say[], service: string): boolean {
  const own = says.find((say) => say.service === service);
  const admitted = admittedOf(says);
  if (own === undefined || !admitted.includes(own)) return true;
  if (own.standing === 'accepted') return false;
  return says.some((other) => other !== own && isKept(other) && !mayShare(own.sharing, other.sharing));
}

/** Whether a Service that has no claim yet may come to those who have. */
export function mayJoin(says: readonly Say[], newcomer: SharingTerms | undefined): boolean {
  const admitted = admittedOf(says);
  return says.every((say) => !(admitted.includes(say) || isKept(say)) || mayShare(say.sharing, newcomer));
}

/** Whether it keeps the address even when it may not have it. */
export function isKept({ standing }: Say): boolean {
  return standing === 'accepted' || standing === 'kept';
}

/** Terms that often clash and often do not. */
export const anyTerms: fc.Arbitrary<SharingTerms> = fc
  .record({
    namespace: fc.constantFrom('a', 'b'),
    acrossNamespaces: fc.boolean(),
    ports: fc.subarray(['TCP/443', 'TCP/80', 'UDP/53']),
    settled: fc.boolean(),
    isLocal: fc.boolean(),
    selector: fc.constantFrom('app=x', 'app=y'),
    interface: fc.constantFrom('', 'eth1'),
  })
  .map(({ isLocal, ...terms }) => ({ ...terms, localSelector: isLocal ? terms.selector : undefined }));

/** Claims of few Services to few addresses, of which `count` can be told apart by name. */
export function anyClaim(services: number, texts: readonly string[]): fc.Arbitrary<AnyClaim> {
  return fc.record({
    service: fc.integer({ min: 0, max: services - 1 }).map((i) => `a/${i}`),
    address: fc.constantFrom(...texts),
    standing: fc.constantFrom<Standing>(...STANDINGS),
    createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', ''),
    sharing: fc.option(anyTerms, { nil: undefined, freq: 5 }),
  });
}

/** A {@link Claim} to one address, in text. */
export interface AnyClaim extends Omit<Claim, 'addresses'>, Say {
  readonly address: string;
  readonly sharing: SharingTerms | undefined;
}
