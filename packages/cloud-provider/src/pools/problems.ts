// SPDX-License-Identifier: Apache-2.0
import type { PoolProblem, Severity } from './pool.ts';

/** One key of the ConfigMap and its value. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** A value can have half a million bad entries; whoever mends a hundred will see the next. */
const MAX_PER_KEY = 100;
/** A problem quotes what it is about, which can be as long as a ConfigMap. */
const MAX_LENGTH = 600;

/** Collects what is wrong while the ConfigMap is read. */
export class ProblemList {
  readonly #byKey = new Map<string, PoolProblem[]>();
  readonly #left = new Map<string, number>();

  /** Adds a problem of a key. */
  add(
    { key, value }: KeyValue,
    severity: Severity,
    problem: string,
    more: Partial<Pick<PoolProblem, 'pool' | 'nearestKey' | 'offset' | 'unknownKey'>> = {},
  ): void {
    const known = this.#byKey.get(key) ?? [];
    this.#byKey.set(key, known);
    const text = problem.length > MAX_LENGTH ? `${problem.slice(0, MAX_LENGTH - 3)}...` : problem;
    if (known.length < MAX_PER_KEY) known.push({ key, value, problem: text, severity, ...more });
    else this.#left.set(key, (this.#left.get(key) ?? 0) + 1);
  }

  /** All problems by key, and by place within a key. */
  sorted(): readonly PoolProblem[] {
    return [...this.#byKey.keys()].sort().flatMap((key) => {
      const problems = this.#byKey.get(key) ?? [];
      const left = this.#left.get(key) ?? 0;
      const [first] = problems;
      if (left === 0 || first === undefined) return problems;
      const { value, severity, pool } = first;
      const problem = `and ${left} more entries with problems`;
      return [...problems, { key, value, problem, severity, ...(pool !== undefined && { pool }) }];
    });
  }
}
