// SPDX-License-Identifier: Apache-2.0
import {
  type BalanceModel,
  type Frontend,
  sameFrontend,
  takersOf,
  withFrontends,
} from '../model/frontend.ts';
import { freshSlots, nextSlots } from './slot-layout.ts';

/** What differs between two models: front ends as they were and as they are to be; undefined: not there. */
export type Difference = readonly [before: Frontend | undefined, after: Frontend | undefined];

/** A model as it is rendered, and how to get there. */
export interface LaidOut {
  readonly model: BalanceModel;
  readonly differences: readonly Difference[];
}

/**
 * Prepares the step from what was rendered to a new model: tables of turns go on from what they were, and front ends that have not
 * changed are the objects that they were. Pure.
 */
export function layOut(before: BalanceModel, after: BalanceModel): LaidOut {
  const frontends = new Map<string, Frontend>();
  const differences: Difference[] = [];
  for (const [id, frontend] of after.frontends) {
    const old = before.frontends.get(id);
    const next = goOn(old, frontend);
    frontends.set(id, next);
    if (next !== old) differences.push([old, next]);
  }
  for (const [id, old] of before.frontends) {
    if (!after.frontends.has(id)) differences.push([old, undefined]);
  }
  return { model: { frontends, problems: after.problems }, differences };
}

/** The same where it is known which front ends may differ; undefined: not there any more. Pure. */
export function layOutOnly(
  before: BalanceModel,
  changed: ReadonlyMap<string, Frontend | undefined>,
): LaidOut {
  const next = new Map<string, Frontend | undefined>();
  for (const [id, frontend] of changed) {
    const old = before.frontends.get(id);
    const own = frontend && goOn(old, frontend);
    if (own !== old) next.set(id, own);
  }
  if (next.size === 0) return { model: before, differences: [] };
  const differences = [...next].map(([id, own]) => [before.frontends.get(id), own] as const);
  return { model: withFrontends(before, next), differences };
}

/** The same with fresh tables of turns, exactly even, in the place of those that have gone on from others. Pure. */
export function tidied(model: BalanceModel): LaidOut {
  const frontends = new Map(model.frontends);
  const differences: Difference[] = [];
  for (const [id, old] of model.frontends) {
    if (old.slots === undefined) continue;
    const { slots: _, ...fresh } = old;
    origins.set(fresh, origins.get(old) ?? old);
    frontends.set(id, fresh);
    differences.push([old, fresh]);
  }
  return { model: { ...model, frontends }, differences };
}

/** Rendered front end -> the one of the model that it was made of, so that the next look at it costs nothing. */
const origins = new WeakMap<Frontend, Frontend>();

function goOn(old: Frontend | undefined, frontend: Frontend): Frontend {
  if (old === undefined || old === frontend || origins.get(old) === frontend) return old ?? frontend;
  if (sameFrontend(old, frontend)) {
    origins.set(old, frontend);
    return old;
  }
  const slots = slotsAfter(old, frontend);
  if (slots === undefined) return frontend;
  const next = { ...frontend, slots };
  origins.set(next, frontend);
  return next;
}

function slotsAfter(old: Frontend, frontend: Frontend): Frontend['slots'] {
  if (!takesTurns(old) || !takesTurns(frontend)) return undefined;
  const before = old.slots ?? freshSlots(takersOf(old));
  return nextSlots(before, takersOf(frontend));
}

function takesTurns({ scheduler, affinitySeconds }: Frontend): boolean {
  return scheduler === 'roundRobin' && affinitySeconds === undefined;
}
