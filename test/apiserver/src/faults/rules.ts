// SPDX-License-Identifier: Apache-2.0

/** Which requests a fault is for. Empty or absent lists mean all. */
export interface FaultSelector {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verbs?: readonly string[];
  /** Plural, with sub-resource where meant: `services`, `services/status`. `*` for non-resource paths too. */
  readonly resources?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly users?: readonly string[];
}

/** What goes wrong for the requests a rule selects. */
export interface FaultRule {
  readonly select?: FaultSelector;
  /** Share of the selected requests, 0 to 1; 1 when absent. */
  readonly rate?: number;
  /** Fixed delay before the request is worked on. */
  readonly latencyMs?: number;
  /** Random delay between 0 and this on top. */
  readonly jitterMs?: number;
  /** Answer with this error instead of (or, see `when`, after) doing the work. */
  readonly status?: 409 | 429 | 500 | 503 | 504;
  /** `Retry-After` of 429 and 503, whole seconds. */
  readonly retryAfterSeconds?: number;
  /** Close the connection without an answer. */
  readonly drop?: boolean;
  /** `before` (default): the request is not carried out. `after`: it is, and only the answer is lost. */
  readonly when?: 'before' | 'after';
  /** The rule ends after this many hits. */
  readonly times?: number;
}

/** What is known of a request when faults are chosen. */
export interface FaultSubject {
  readonly verb: string;
  /** `services` or `services/status`; '' for other paths. */
  readonly resource: string;
  readonly namespace: string;
  readonly user: string;
}

/** What is to happen to one request. */
export interface FaultPlan {
  readonly delayMs: number;
  readonly status: FaultRule['status'] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly drop: boolean;
  readonly when: 'before' | 'after';
}

/** Nothing is to happen. */
export const NO_FAULT: FaultPlan = {
  delayMs: 0,
  status: undefined,
  retryAfterSeconds: undefined,
  drop: false,
  when: 'before',
};

/** Deterministic numbers in [0, 1) from a seed (mulberry32): the same faults in the same order for the same requests. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list === undefined || list.length === 0 || list.includes('*') || list.includes(value);
}

/** True when a request is one the selector means. */
export function selects(selector: FaultSelector | undefined, subject: FaultSubject): boolean {
  if (selector === undefined) return true;
  return (
    includes(selector.verbs, subject.verb) &&
    includes(selector.resources, subject.resource) &&
    includes(selector.namespaces, subject.namespace) &&
    includes(selector.users, subject.user)
  );
}

/** The rules in force, with their dice. */
export class FaultRules {
  #rules: readonly FaultRule[] = [];
  #hits = new Map<FaultRule, number>();
  #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  get rules(): readonly FaultRule[] {
    return this.#rules;
  }

  /** Replaces all rules; with a seed the dice start again. */
  set(rules: readonly FaultRule[], seed?: number): void {
    this.#rules = [...rules];
    this.#hits = new Map();
    if (seed !== undefined) this.#random = seededRandom(seed);
  }

  /** How often each rule has hit, in the order of {@link rules}. */
  hits(): number[] {
    return this.#rules.map((rule) => this.#hits.get(rule) ?? 0);
  }

  /** Rolls the dice for one request: delays add up, the first error wins. */
  plan(subject: FaultSubject): FaultPlan {
    let plan = NO_FAULT;
    for (const rule of this.#rules) {
      if (!selects(rule.select, subject)) continue;
      const hits = this.#hits.get(rule) ?? 0;
      if (rule.times !== undefined && hits >= rule.times) continue;
      if (this.#random() >= (rule.rate ?? 1)) continue;
      this.#hits.set(rule, hits + 1);
      plan = this.#merge(plan, rule);
    }
    return plan;
  }

  #merge(plan: FaultPlan, rule: FaultRule): FaultPlan {
    const delayMs = plan.delayMs + (rule.latencyMs ?? 0) + (rule.jitterMs ?? 0) * this.#random();
    if (plan.status !== undefined || plan.drop) return { ...plan, delayMs };
    return {
      delayMs,
      status: rule.status,
      retryAfterSeconds: rule.retryAfterSeconds,
      drop: rule.drop ?? false,
      when: rule.when ?? 'before',
    };
  }
}
