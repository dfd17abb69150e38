// SPDX-License-Identifier: Apache-2.0
import type { NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import { judgeOwnership } from '@fairlead/test-lab/observer/ownership-judge.ts';

/** What is looked at of an observer's record. */
export interface Stretch {
  readonly addresses: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Hardware addresses of machines that are none of ours: what they claim is not held against us. */
  readonly foreign: ReadonlySet<string>;
}

/** What a stretch of the record says about some addresses. */
export interface StretchVerdict {
  readonly longestTwoOwnersMs: number;
  /** Addresses that two nodes answered for, with the span in words. */
  readonly doubles: readonly string[];
  readonly longestNobodyMs: number;
  readonly moves: number;
}

/** Judges all addresses over one stretch, the worst sample of any. Pure. */
export function judgeStretch(events: readonly NeighborEvent[], stretch: Stretch): StretchVerdict {
  const part = eventsWithin(events, stretch);
  const verdicts = stretch.addresses.map((address) => judgeOwnership(part, { address }));
  const worst = (values: readonly number[]): number => Math.max(0, ...values);
  return {
    longestTwoOwnersMs: worst(verdicts.map(({ longestTwoOwnersMs }) => longestTwoOwnersMs)),
    doubles: verdicts.flatMap(({ address, twoOwners }) =>
      twoOwners.map(({ fromMs, toMs }) => {
        const macs = new Set(
          part.flatMap((event) =>
            'mac' in event && event.address === address && event.atMs >= fromMs && event.atMs <= toMs
              ? [event.mac]
              : [],
          ),
        );
        return `${address} for ${Math.round(toMs - fromMs)} ms by ${[...macs].join(' and ')}`;
      }),
    ),
    longestNobodyMs: worst(verdicts.map(({ longestZeroOwnersMs }) => longestZeroOwnersMs)),
    // The first owner seen is no move.
    moves: verdicts.reduce((sum, { changes }) => sum + Math.max(0, changes.length - 1), 0),
  };
}

/** The events of a stretch, headed by what was watched when it began; found by bisection, for records are long. */
function eventsWithin(
  events: readonly NeighborEvent[],
  { addresses, fromMs, toMs, foreign }: Stretch,
): readonly NeighborEvent[] {
  const first = firstAt(events, fromMs);
  const last = firstAt(events, toMs);
  const part = events
    .slice(first, last)
    .filter((event) => !('mac' in event) || !(foreign.has(event.mac) || foreign.has(event.sentBy ?? '')));
  return [{ kind: 'watching', atMs: fromMs, addresses }, ...part.filter(({ kind }) => kind !== 'watching')];
}

/** Index of the first event at or after that time; the observer writes them in the order of their times. */
function firstAt(events: readonly NeighborEvent[], atMs: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.atMs ?? Number.POSITIVE_INFINITY) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Pairs of Services that hold one address and port, although none of them agreed to share. Pure. */
export function duplicateHolders(
  services: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly ports: readonly number[];
  }[],
): readonly string[] {
  const holders = new Map<string, string>();
  const duplicates: string[] = [];
  for (const { name, addresses, ports } of services) {
    for (const address of addresses) {
      for (const port of ports) {
        const place = `${address} port ${port}`;
        const other = holders.get(place);
        if (other === undefined) holders.set(place, name);
        else duplicates.push(`${place}: ${other} and ${name}`);
      }
    }
  }
  return duplicates;
}
