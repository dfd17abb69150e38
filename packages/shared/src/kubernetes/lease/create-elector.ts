// SPDX-License-Identifier: Apache-2.0
import { LeaseContender } from './contender.ts';
import type { LeaseElector, LeaseElectorOptions } from './elector.ts';
import { timingProblem } from './timing.ts';

/**
 * Makes a contender; nothing happens before `start()`.
 *
 * @throws Error when the times do not fit together
 */
export function createLeaseElector(options: LeaseElectorOptions): LeaseElector {
  const problem = timingProblem(options.timing);
  if (problem !== undefined) throw new Error(`Lease ${options.namespace}/${options.name}: ${problem}`);
  return new LeaseContender(options);
}
