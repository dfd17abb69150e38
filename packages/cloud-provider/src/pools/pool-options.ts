// SPDX-License-Identifier: Apache-2.0
import { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import type { LabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import type { KeyValue, ProblemList } from '@fairlead/shared/pools/problems.ts';
import { readAddresses } from '@fairlead/shared/pools/read-source.ts';
import { nearestWord } from '@fairlead/shared/runtime/nearest-word.ts';
import { NAMED_PREFIX, type OptionKey } from './keys.ts';
import { readBool, readChangePolicy, readDuration, readSelector } from './parse-values.ts';
import { type ChangePolicy, GLOBAL_POOL, type PoolKind } from './pool.ts';

/** The key of an option, taken apart. */
export interface OptionEntry extends KeyValue {
  readonly word: OptionKey;
  readonly suffix: string;
}

/** What the keys say about one pool; undefined where they say nothing that can be read. */
export interface PoolOptions {
  readonly avoid: IntervalSet;
  readonly selector: LabelSelector | undefined;
  /** The selector is there and cannot be read. */
  readonly selectorUnreadable: boolean;
  readonly autoAssign: boolean | undefined;
  readonly onChange: ChangePolicy | undefined;
  readonly cooldownMs: number | undefined;
}

const NO_OPTIONS: PoolOptions = {
  avoid: IntervalSet.empty,
  selector: undefined,
  selectorUnreadable: false,
  autoAssign: undefined,
  onChange: undefined,
  cooldownMs: undefined,
};

/** Options that, set for `global`, hold for all pools, and so need no global pool. */
const HOLD_FOR_ALL: readonly OptionKey[] = ['avoid', 'on-change', 'cooldown'];
const NEVER: LabelSelector = { text: '', matches: () => false };
const KEEP: ChangePolicy = { kind: 'keep' };

/** The options of all pools, those of pools that have gone included. */
export class OptionTable {
  readonly #kinds: ReadonlyMap<string, PoolKind>;
  readonly #byId = new Map<string, PoolOptions>();
  /** `on-change-…` of pools that do not exist, by suffix. */
  readonly #onChangeOfGone = new Map<string, ChangePolicy>();

  #hints = MAX_HINTS;

  /** Reads the entries. `kinds`: of the pools that exist, by id. */
  constructor(entries: readonly OptionEntry[], kinds: ReadonlyMap<string, PoolKind>, problems: ProblemList) {
    this.#kinds = kinds;
    const writers = new Map<string, OptionEntry>();
    // The full id comes first and wins where two keys say the same of one pool.
    const ids = entries.map((entry) => [this.#idOf(entry), entry] as const);
    for (const [id, entry] of ids.toSorted(([a, x], [b, y]) => rank(a, x) - rank(b, y))) {
      if (id === undefined) {
        this.#readHomeless(entry, problems);
        continue;
      }
      const slot = `${entry.word} ${id}`;
      const winner = writers.get(slot);
      if (winner === undefined) writers.set(slot, entry);
      else if (entry.word !== 'avoid') {
        problems.add(entry, 'warning', `has no effect beside ${winner.key}, which means the same pool`, {
          pool: id,
        });
        continue;
      }
      this.#byId.set(id, readOption(entry, id, this.of(id), problems));
    }
    this.#warnAboutAutoAssign(writers.values(), problems);
  }

  /** What the keys say about the pool of this id. */
  of(id: string): PoolOptions {
    return this.#byId.get(id) ?? NO_OPTIONS;
  }

  /** What happens to addresses that the pool may not give any more. */
  onChange(id: string): ChangePolicy {
    const gone = () =>
      [id, ...(id.startsWith(NAMED_PREFIX) ? [id.slice(NAMED_PREFIX.length)] : [])]
        .map((suffix) => this.#onChangeOfGone.get(suffix))
        .find((policy) => policy !== undefined);
    const own = this.#kinds.has(id) ? this.of(id).onChange : gone();
    return own ?? this.of(GLOBAL_POOL).onChange ?? KEEP;
  }

  /** A named pool without a selector serves only on request anyway. */
  #warnAboutAutoAssign(entries: Iterable<OptionEntry>, problems: ProblemList): void {
    for (const entry of entries) {
      const id = this.#idOf(entry) ?? '';
      if (entry.word !== 'auto-assign' || this.#kinds.get(id) !== 'named') continue;
      if (this.of(id).autoAssign !== true || this.of(id).selector !== undefined) continue;
      const problem = `has no effect: a named pool without a selector serves only Services that ask for it; expected selector-${entry.suffix} beside it`;
      problems.add(entry, 'warning', problem, { pool: id });
    }
  }

  /** The pool that a suffix means: the one with that id, else the named pool of that name. */
  #idOf({ word, suffix }: OptionEntry): string | undefined {
    if (this.#kinds.has(suffix)) return suffix;
    if (suffix === GLOBAL_POOL && HOLD_FOR_ALL.includes(word)) return suffix;
    const named = `${NAMED_PREFIX}${suffix}`;
    return this.#kinds.get(named) === 'named' ? named : undefined;
  }

  /** Every way to name a pool that exists. */
  #suffixes(): readonly string[] {
    return [...this.#kinds].flatMap(([id, kind]) =>
      kind === 'named' ? [id, id.slice(NAMED_PREFIX.length)] : [id],
    );
  }

  /** An option of a pool that does not exist. */
  #readHomeless(entry: OptionEntry, problems: ProblemList): void {
    const { word, suffix } = entry;
    if (word === 'on-change') {
      const policy = readOption(entry, suffix, NO_OPTIONS, problems).onChange;
      if (policy !== undefined) this.#onChangeOfGone.set(suffix, policy);
      return;
    }
    const near = this.#hints-- > 0 ? nearestWord(suffix, this.#suffixes()) : undefined;
    const hint = near === undefined ? '' : `; did you mean ${word}-${near}?`;
    const missing = suffix.startsWith(NAMED_PREFIX)
      ? suffix
      : `cidr-${suffix}, range-${suffix} or ${NAMED_PREFIX}${suffix}`;
    const problem = `has no effect: there is no pool ${missing}${hint}`;
    problems.add(entry, 'warning', problem, near === undefined ? {} : { nearestKey: `${word}-${near}` });
  }
}

/** Looking for the nearest of many names takes time; who made so many mistakes has made one mistake often. */
const MAX_HINTS = 20;

/** `avoid-pool-gold` before `avoid-gold`; what belongs to no pool last. */
function rank(id: string | undefined, { suffix }: OptionEntry): number {
  return id === undefined ? 2 : id === suffix ? 0 : 1;
}

/** The options of a pool with one more read. What cannot be read is read so that it gives nothing away. */
function readOption(entry: OptionEntry, id: string, known: PoolOptions, problems: ProblemList): PoolOptions {
  const about = { pool: id };
  const value = <T>(result: Parsed<T>, severity: 'error' | 'warning', consequence: string) => {
    if (result.ok) return result.value;
    problems.add(entry, severity, `${result.problem}; ${consequence}`, about);
    return undefined;
  };
  switch (entry.word) {
    case 'avoid': {
      const list = { expected: 'avoid', skipEndsOfCidrs: false, pool: id } as const;
      return { ...known, avoid: known.avoid.union(readAddresses(entry, list, problems)) };
    }
    case 'selector': {
      const selector = value(readSelector(entry.value), 'error', 'until then the pool serves no Service');
      return { ...known, selector: selector ?? NEVER, selectorUnreadable: selector === undefined };
    }
    case 'auto-assign': {
      const answer = value(readBool(entry.value), 'error', 'read as false: addresses only on request');
      return { ...known, autoAssign: answer ?? false };
    }
    case 'on-change': {
      const policy = value(readChangePolicy(entry.value), 'warning', 'read as keep');
      return { ...known, onChange: policy ?? KEEP };
    }
    case 'cooldown': {
      const cooldownMs = value(readDuration(entry.value), 'warning', 'read as if the key were not there');
      return { ...known, cooldownMs };
    }
  }
}
