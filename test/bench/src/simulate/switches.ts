// SPDX-License-Identifier: Apache-2.0
import type { GroupEngine } from '@fairlead/agent/ownership/raft/group-record.ts';
import { runSwitch } from '@fairlead/agent/ownership/raft/simulation/switch/run-switch.ts';
import { median } from '../benchmark.ts';

/** What a change of the engine costs, in simulated milliseconds. */
export interface SwitchFigures {
  readonly runs: number;
  /** Runs in which two had an address, or the change did not come to its end. */
  readonly violations: number;
  /** From the word to stop until the last address is held again, without faults. */
  readonly medianDownMs: number;
  readonly worstDownMs: number;
}

/** Changes the engine of so many groups, half of them with faults meanwhile. */
export function measureSwitches(
  from: GroupEngine,
  to: GroupEngine,
  seed: number,
  runs: number,
): SwitchFigures {
  let violations = 0;
  const downMs: number[] = [];
  for (let each = seed; each < seed + runs; each++) {
    const hasFaults = each % 2 === 0;
    const result = runSwitch(each, { from, to, hasFaults });
    if (result.violations.length > 0) violations++;
    if (!hasFaults && result.downMs !== undefined) downMs.push(result.downMs);
  }
  return { runs, violations, medianDownMs: median(downMs), worstDownMs: Math.max(...downMs) };
}
