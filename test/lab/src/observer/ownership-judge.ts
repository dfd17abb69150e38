// SPDX-License-Identifier: Apache-2.0
/**
 * Who owned an address when, judged from frames seen on another host. Pure. Both figures are upper bounds at the
 * resolution of the probes: what could have been is held against the owners.
 */
import type { NeighborClaim, NeighborEvent } from './neighbor-events.ts';

/** A span of monotonic time. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The owner became another one. */
export interface OwnerChange {
  /** First frame of the new owner. */
  readonly atMs: number;
  readonly from: string | undefined;
  readonly to: string;
}

/** What is judged, and what is forgiven. */
export interface OwnershipQuestion {
  readonly address: string;
  /** Judge from here; default: the first claim of the address. */
  readonly sinceMs?: number;
  /** Judge up to here; default: the last event. */
  readonly untilMs?: number;
  /** An address without an owner is no violation within these spans. */
  readonly allowedZero?: readonly Span[];
  /** A question without an answer for that long is unanswered. Default 500. */
  readonly answerTimeoutMs?: number;
  /**
   * A host that answers, is contradicted by another one, and answers again within this time has never let go: both
   * owned the address. Longer, and it got the address back. Default 250.
   */
  readonly minimumTenureMs?: number;
}

/** The verdict on one address. */
export interface OwnershipVerdict {
  readonly address: string;
  readonly probes: number;
  readonly answered: number;
  readonly probesPerSecond: number;
  /** The observer's own worst stall: no statement is sharper than this. */
  readonly longestProbeGapMs: number;
  /** Every span with unanswered questions: from the last answered one before to the first answered one after. */
  readonly zeroOwners: readonly Span[];
  readonly longestZeroOwnersMs: number;
  /** Every span in which two hosts claimed the address in turn. */
  readonly twoOwners: readonly Span[];
  readonly longestTwoOwnersMs: number;
  readonly changes: readonly OwnerChange[];
  /** Zero owners outside the allowed spans, and two owners at any time. */
  readonly violations: readonly (Span & { readonly owners: 0 | 2 })[];
}

/** Judges one address over everything an observer wrote. */
export function judgeOwnership(
  events: readonly NeighborEvent[],
  question: OwnershipQuestion,
): OwnershipVerdict {
  const all = events.filter(isClaim).filter((claim) => claim.address === question.address);
  const sinceMs = question.sinceMs ?? all[0]?.atMs ?? Number.POSITIVE_INFINITY;
  const untilMs = question.untilMs ?? events.at(-1)?.atMs ?? sinceMs;
  const claims = all
    .filter((claim) => claim.atMs >= sinceMs && claim.atMs <= untilMs)
    .sort((a, b) => a.atMs - b.atMs);
  const answerTimeoutMs = question.answerTimeoutMs ?? 500;
  const answered = answeredProbes(claims, answerTimeoutMs);
  // A question at the end of the record whose time is not over yet says nothing.
  const decidedMs = (events.at(-1)?.atMs ?? 0) - answerTimeoutMs;
  const isDecided = (atMs: number): boolean => atMs <= decidedMs || answered.has(atMs);
  const probes = probeTimes(events, question.address).filter(
    (atMs) => atMs >= sinceMs && atMs <= untilMs && isDecided(atMs),
  );
  const zeroOwners = unansweredSpans(probes, answered, { fromMs: sinceMs, toMs: untilMs });
  const spells = ownerSpells(claims);
  const twoOwners = contradictions(spells, question.minimumTenureMs ?? 250);
  const allowed = question.allowedZero ?? [];
  return {
    address: question.address,
    probes: probes.length,
    answered: probes.filter((atMs) => answered.has(atMs)).length,
    probesPerSecond: untilMs > sinceMs ? (probes.length * 1000) / (untilMs - sinceMs) : 0,
    longestProbeGapMs: longestGap(probes),
    zeroOwners,
    longestZeroOwnersMs: longest(zeroOwners),
    twoOwners,
    longestTwoOwnersMs: longest(twoOwners),
    changes: ownerChanges(spells, twoOwners),
    violations: [
      ...zeroOwners
        .filter((span) => !allowed.some((window) => contains(window, span)))
        .map((span) => ({ ...span, owners: 0 as const })),
      ...twoOwners.map((span) => ({ ...span, owners: 2 as const })),
    ].sort((a, b) => a.fromMs - b.fromMs),
  };
}

function isClaim(event: NeighborEvent): event is NeighborClaim {
  return event.kind === 'answer' || event.kind === 'announcement' || event.kind === 'mention';
}

/** When this address was asked for: probes go to all addresses watched at that time. */
function probeTimes(events: readonly NeighborEvent[], address: string): number[] {
  let watched = false;
  const times: number[] = [];
  for (const event of events) {
    if (event.kind === 'watching') watched = event.addresses.includes(address);
    else if (event.kind === 'probe' && watched) times.push(event.atMs);
  }
  return times;
}

function answeredProbes(claims: readonly NeighborClaim[], timeoutMs: number): Set<number> {
  return new Set(
    claims.flatMap(({ kind, atMs, probeMs }) =>
      kind === 'answer' && probeMs !== undefined && atMs - probeMs <= timeoutMs ? [probeMs] : [],
    ),
  );
}

/** Runs of unanswered probes, widened to the answered neighbours (or the ends of what is judged). */
function unansweredSpans(probes: readonly number[], answered: ReadonlySet<number>, judged: Span): Span[] {
  const spans: Span[] = [];
  let lastGoodMs = judged.fromMs;
  let missing = false;
  for (const atMs of probes) {
    if (!answered.has(atMs)) {
      missing = true;
      continue;
    }
    if (missing) spans.push({ fromMs: lastGoodMs, toMs: atMs });
    lastGoodMs = atMs;
    missing = false;
  }
  if (missing) spans.push({ fromMs: lastGoodMs, toMs: judged.toMs });
  return spans;
}

/** Consecutive claims by one MAC. */
interface Spell {
  readonly mac: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

function ownerSpells(claims: readonly NeighborClaim[]): Spell[] {
  const spells: Spell[] = [];
  for (const { mac, atMs } of claims) {
    const current = spells.at(-1);
    if (current?.mac === mac) spells[spells.length - 1] = { ...current, lastMs: atMs };
    else spells.push({ mac, firstMs: atMs, lastMs: atMs });
  }
  return spells;
}

/** Spans between two spells of one host that lie too close together to be two tenures; overlapping ones are merged. */
function contradictions(spells: readonly Spell[], minimumTenureMs: number): Span[] {
  const previous = new Map<string, Spell>();
  const spans: Span[] = [];
  for (const spell of spells) {
    const before = previous.get(spell.mac);
    if (before !== undefined && spell.firstMs - before.lastMs < minimumTenureMs) {
      spans.push({ fromMs: before.lastMs, toMs: spell.firstMs });
    }
    previous.set(spell.mac, spell);
  }
  return merge(spans);
}

function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1);
    if (last !== undefined && span.fromMs <= last.toMs) {
      merged[merged.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, span.toMs) };
    } else merged.push(span);
  }
  return merged;
}

/** Changes of the owner; spells inside a contradiction are no tenures. */
function ownerChanges(spells: readonly Spell[], twoOwners: readonly Span[]): OwnerChange[] {
  const changes: OwnerChange[] = [];
  for (const spell of spells) {
    const inside = twoOwners.some((span) => spell.firstMs > span.fromMs && spell.lastMs < span.toMs);
    const from = changes.at(-1)?.to;
    if (!inside && spell.mac !== from) changes.push({ atMs: spell.firstMs, from, to: spell.mac });
  }
  return changes;
}

function contains(outer: Span, inner: Span): boolean {
  return inner.fromMs >= outer.fromMs && inner.toMs <= outer.toMs;
}

function longest(spans: readonly Span[]): number {
  return spans.reduce((most, span) => Math.max(most, span.toMs - span.fromMs), 0);
}

function longestGap(times: readonly number[]): number {
  return times.reduce((most, atMs, index) => Math.max(most, atMs - (times[index - 1] ?? atMs)), 0);
}
