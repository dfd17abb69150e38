// SPDX-License-Identifier: Apache-2.0
import { parseAddress } from '@fairlead/shared/address/address.ts';
import { parseCidr, rangeOfCidr } from '@fairlead/shared/address/cidr.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { type AddressRange, rangeOfAddress } from '@fairlead/shared/address/range.ts';
import type { SourceEntry } from './policy.ts';

/** Ends later than any date; only for comparing. */
const FOR_EVER = Number.POSITIVE_INFINITY;

/** Reads an address or a CIDR. Pure. */
export function parseSource(text: string): Parsed<AddressRange> {
  if (text.includes('/')) {
    const cidr = parseCidr(text);
    return cidr.ok ? parsed(rangeOfCidr(cidr.value)) : cidr;
  }
  const address = parseAddress(text);
  return address.ok ? parsed(rangeOfAddress(address.value)) : address;
}

/** Reads `192.0.2.0/24`, or `192.0.2.7 until 2026-11-21T07:00:00Z`. Pure. */
export function parseSourceEntry(text: string): Parsed<SourceEntry> {
  const [source = '', end, ...rest] = text.trim().split(/\s+until\s+/);
  if (rest.length > 0) return unparsable(`"${text}" says "until" more than once`);
  const range = parseSource(source);
  if (!range.ok) return range;
  if (end === undefined) return parsed({ range: range.value, untilMs: undefined });
  const untilMs = RFC_3339.test(end) ? Date.parse(end) : Number.NaN;
  if (Number.isNaN(untilMs))
    return unparsable(`"${end}" is not a time; expected for example 2026-11-21T07:00:00Z`);
  return parsed({ range: range.value, untilMs });
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The same addresses in ranges that do not overlap, lowest first, as the kernel's sets need them: where entries overlap, the
 * one that lasts longest counts. All entries must be of one family. Pure.
 */
export function disjoint(entries: readonly SourceEntry[]): readonly SourceEntry[] {
  const edges = entries.flatMap(({ range, untilMs = FOR_EVER }) => [
    { at: range.first, untilMs, opens: true },
    { at: range.last + 1n, untilMs, opens: false },
  ]);
  edges.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
  const open = new Map<number, number>();
  const pieces: SourceEntry[] = [];
  let previous = 0n;
  for (const { at, untilMs, opens } of edges) {
    if (open.size > 0 && at > previous) {
      append(pieces, {
        range: { family: entries[0]?.range.family ?? 4, first: previous, last: at - 1n },
        untilMs: Math.max(...open.keys()),
      });
    }
    previous = at;
    const count = (open.get(untilMs) ?? 0) + (opens ? 1 : -1);
    if (count === 0) open.delete(untilMs);
    else open.set(untilMs, count);
  }
  return pieces.map(({ range, untilMs }) => ({
    range,
    untilMs: untilMs === FOR_EVER ? undefined : untilMs,
  }));
}

/** Adds a piece, or lengthens the last one when nothing tells them apart. */
function append(pieces: SourceEntry[], piece: SourceEntry): void {
  const last = pieces.at(-1);
  const continues = last?.untilMs === piece.untilMs && last?.range.last === piece.range.first - 1n;
  if (!continues || last === undefined) pieces.push(piece);
  else pieces[pieces.length - 1] = { ...piece, range: { ...piece.range, first: last.range.first } };
}
