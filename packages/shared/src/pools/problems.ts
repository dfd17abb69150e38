// SPDX-License-Identifier: Apache-2.0

/** How bad a problem is, worst first. */
export const SEVERITIES = ['error', 'warning', 'notice'] as const;

/**
 * An `error` costs addresses or exposes some, a `warning` says that a key or entry has no effect, a `notice` that it is read
 * differently than it is written.
 */
export type Severity = (typeof SEVERITIES)[number];

/** Something in the ConfigMap that is wrong, or not what its author may think. */
export interface PoolProblem {
  readonly key: string;
  readonly value: string;
  /** What is wrong and what is expected. */
  readonly problem: string;
  readonly severity: Severity;
  /** Id of the pool that is the worse for it. */
  readonly pool?: string;
  /** The key is none that we know. */
  readonly unknownKey?: true;
  /** Of a key without meaning: the one that may have been meant. */
  readonly nearestKey?: string;
  /** Where in the value the bad entry begins. */
  readonly offset?: number;
}

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

/** `range-global=banana: "banana" is not …`: how a problem reads in logs and Events. */
export function formatProblem({ key, value, problem }: PoolProblem): string {
  return `${formatKey({ key, value })}: ${problem}`;
}

/** `range-global=192.0.2.1-192.0.2.9`, on one line, long values cut. */
export function formatKey({ key, value }: Pick<PoolProblem, 'key' | 'value'>): string {
  const text = value.slice(0, 500).trim().replace(/\s+/g, ' ');
  return `${key}=${text.length > 80 || value.length > 500 ? `${text.slice(0, 77)}...` : text}`;
}
