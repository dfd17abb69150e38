// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import type { Disturbance } from './disturbances.ts';
import { measureRound, type RoundGaps } from './gaps.ts';
import { anyMoment, ClientProbes } from './probes.ts';

/** What one round is. */
export interface RoundPlan {
  readonly lab: Lab;
  readonly address: string;
  /** Node that owns the address and is lost. */
  readonly victim: string;
  /** Its agent coordinates as well: its successor has to be elected first. */
  readonly isCoordinator?: boolean;
  readonly disturbance: Disturbance;
  readonly random: () => number;
  /** How long the address may stay without a new owner before the round counts as failed. */
  readonly takeoverLimitMs: number;
  /** What the agents say of the failover, for the record; `sinceMs` is of the wall clock. */
  readonly explain?: (sinceMs: number) => Promise<string | undefined>;
  /** More to wait for, under the eyes of the probes, before the round is over. */
  readonly until?: () => Promise<void>;
}

/** What came of it. */
export interface RoundResult extends RoundGaps {
  readonly from: string;
  readonly to: string;
  readonly wasCoordinator: boolean;
  readonly phases: string | undefined;
}

/** The owner was another one by the time of the disturbance: the round says nothing. */
export class RoundVoid extends Error {}

/** What of the time before the disturbance is judged, too. */
const BEFORE_MS = 200;
const STEADY_LIMIT_MS = 30_000;
/** More than any interval that the agents, or keepalived at its defaults, keep. */
const ANY_MOMENT_MS = 1_100;

/** Loses the owner of an address under the eyes of the client, waits until it is served again, and undoes the loss. */
export async function playRound(plan: RoundPlan): Promise<RoundResult> {
  const { lab, address, victim, disturbance, random, takeoverLimitMs } = plan;
  const probes = await ClientProbes.start(lab, address);
  let isOver = false;
  try {
    await probes.serving(0, STEADY_LIMIT_MS);
    await anyMoment(random, ANY_MOMENT_MS);
    if (probes.owner !== victim)
      throw new RoundVoid(`${address} has moved from ${victim} to ${probes.owner}`);
    const wallMs = Date.now();
    const disturbedMs = await disturbance.begin(victim);
    let to: string;
    let phases: string | undefined;
    try {
      // By now the loss is complete: whoever answers is able to.
      to = await probes.serving(monotonicMs(), takeoverLimitMs);
      phases = await plan.explain?.(wallMs);
      if (plan.until !== undefined) {
        await plan.until();
        to = await probes.serving(monotonicMs(), takeoverLimitMs);
      }
    } finally {
      await disturbance.end(victim);
    }
    const toMs = monotonicMs();
    const record = await probes.stop();
    isOver = true;
    const window = { fromMs: disturbedMs - BEFORE_MS, toMs };
    const wasCoordinator = plan.isCoordinator ?? false;
    return { ...measureRound(record, window, disturbedMs), from: victim, to, wasCoordinator, phases };
  } finally {
    if (!isOver) await probes.stop().catch(() => undefined); // the error that ended the round is the one to tell
  }
}

/** One line about a round. */
export function describeRound(result: RoundResult): string {
  const ms = (value: number) => value.toFixed(0);
  const claimed = result.claimedMs === undefined ? 'never' : `+${ms(result.claimedMs)} ms`;
  const parts = [
    `${result.from}${result.wasCoordinator ? ' (coordinator)' : ''} -> ${result.to}`,
    `outage ${ms(result.outageMs)} ms (ARP ${ms(result.arpMs)}, TCP warm ${ms(result.warmMs)}, cold ${ms(result.coldMs)})`,
    `claimed ${claimed}${result.phases === undefined ? '' : ` (${result.phases})`}`,
    ...(result.failed > 0 ? [`${result.failed} of ${result.sent} requests failed`] : []),
    ...(result.twoOwnersMs > 0 ? [`TWO OWNERS for ${ms(result.twoOwnersMs)} ms`] : []),
    ...(result.stallMs > 30 ? [`a probe stalled for ${ms(result.stallMs)} ms`] : []),
  ];
  return parts.join(', ');
}
