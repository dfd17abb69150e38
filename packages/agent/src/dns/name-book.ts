// SPDX-License-Identifier: Apache-2.0
import type { NameAnswer } from './choose-addresses.ts';

/** What a resolver says of a name in one family. */
export type FamilyResult =
  /** Canonical text; may be empty: the name exists and has none of this family. */
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlMs: number }
  /** The name does not exist. */
  | { readonly kind: 'noSuchName' }
  /** `code`: what went wrong, as node:dns spells it. */
  | { readonly kind: 'failed'; readonly code: string };

/** What a resolver says of a name. */
export interface NameResult {
  readonly ipv4: FamilyResult;
  readonly ipv6: FamilyResult;
}

/** What is known of a name. */
export interface NameState {
  /** Undefined: nothing was ever answered. Else the last answer, also when the newest question failed. */
  readonly answer: NameAnswer | undefined;
  /** Per family, why the newest question had no answer, in words; undefined: it had one, or is yet to come. */
  readonly problems: { readonly ipv4: string | undefined; readonly ipv6: string | undefined };
}

/** Shortest and longest time between two questions about a name: kube-vip's interval, and a change is seen in a minute. */
const MIN_INTERVAL_MS = 3_000;
const MAX_INTERVAL_MS = 60_000;

interface Entry {
  state: NameState;
  /** Infinity while a question is under way. */
  askAtMs: number;
  failures: number;
}

const NO_PROBLEMS: NameState['problems'] = { ipv4: undefined, ipv6: undefined };
const UNKNOWN: NameState = { answer: undefined, problems: NO_PROBLEMS };

/**
 * Which names to ask for and when, and what is known of each: the last answer of each family, kept when the resolver fails
 * and when it says that the name is gone (a Service must not lose its address by a mistake in a zone). Pure.
 */
export class NameBook {
  readonly #names = new Map<string, Entry>();

  /** The whole set of names that are wanted. */
  want(names: ReadonlySet<string>, nowMs: number): void {
    for (const name of this.#names.keys()) if (!names.has(name)) this.#names.delete(name);
    for (const name of names) {
      if (!this.#names.has(name)) this.#names.set(name, { state: UNKNOWN, askAtMs: nowMs, failures: 0 });
    }
  }

  /** Undefined: nobody wants it. */
  stateOf(name: string): NameState | undefined {
    return this.#names.get(name)?.state;
  }

  /** When to call {@link takeDue} next; Infinity: not before something else happens. */
  get nextMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#names.values()].map(({ askAtMs }) => askAtMs));
  }

  /** Names to ask for now. Each comes again only after {@link took}. */
  takeDue(nowMs: number): readonly string[] {
    const due: string[] = [];
    for (const [name, entry] of this.#names) {
      if (entry.askAtMs > nowMs) continue;
      entry.askAtMs = Number.POSITIVE_INFINITY;
      due.push(name);
    }
    return due;
  }

  /** Takes what a resolver said. Returns whether anything changed that matters. */
  took(name: string, result: NameResult, nowMs: number): boolean {
    const entry = this.#names.get(name);
    if (entry === undefined) return false;
    const before = entry.state;
    entry.state = stateAfter(before, result);
    const isFailure = Object.values(entry.state.problems).some((problem) => problem !== undefined);
    entry.failures = isFailure ? entry.failures + 1 : 0;
    entry.askAtMs = nowMs + (isFailure ? retryMs(entry.failures) : intervalMs(result));
    return JSON.stringify(before) !== JSON.stringify(entry.state);
  }
}

function stateAfter(before: NameState, result: NameResult): NameState {
  const { ipv4, ipv6 } = result;
  // Some servers deny the whole name when asked for the family that it does not have.
  if (ipv4.kind === 'noSuchName' && ipv6.kind === 'noSuchName') return keep(before, 'there is no such name');
  const answer = { ipv4: after(before.answer?.ipv4, ipv4), ipv6: after(before.answer?.ipv6, ipv6) };
  const problems = { ipv4: failureOf(ipv4), ipv6: failureOf(ipv6) };
  const isEmpty = answer.ipv4.length + answer.ipv6.length === 0;
  if (!isEmpty) return { answer, problems };
  if (problems.ipv4 === undefined && problems.ipv6 === undefined)
    return keep(before, 'the name has no address');
  return { answer: before.answer, problems };
}

function keep({ answer }: NameState, problem: string): NameState {
  return { answer, problems: { ipv4: problem, ipv6: problem } };
}

function failureOf(result: FamilyResult): string | undefined {
  return result.kind === 'failed' ? `the resolver failed with ${result.code}` : undefined;
}

function after(before: readonly string[] | undefined, result: FamilyResult): readonly string[] {
  if (result.kind === 'addresses') return [...result.addresses].sort();
  return result.kind === 'failed' ? (before ?? []) : [];
}

function intervalMs({ ipv4, ipv6 }: NameResult): number {
  const lifetimes = [ipv4, ipv6].flatMap((result) =>
    result.kind === 'addresses' && result.addresses.length > 0 ? [result.ttlMs] : [],
  );
  return Math.min(Math.max(Math.min(MAX_INTERVAL_MS, ...lifetimes), MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}

function retryMs(failures: number): number {
  return Math.min(MIN_INTERVAL_MS * 2 ** Math.min(failures - 1, 10), MAX_INTERVAL_MS / 2);
}
