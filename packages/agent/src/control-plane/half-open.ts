// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { type Frontend, removedBackends } from '../balance/model/frontend.ts';
import { ConntrackProgram, type RunConntrack } from '../system/conntrack-program.ts';

/** Arguments of one `conntrack -D`. */
export type ConntrackDeletion = readonly string[];

/** Front ends by id. */
export type Frontends = ReadonlyMap<string, Frontend>;

/**
 * Connections that have been begun and not answered, to back ends that are left out now. The kernel would send each repetition of their
 * first packet to where the first one went, until the client gives up; forgotten, the next one goes to a back end that lives. Pure.
 */
export function halfOpenFlows(before: Frontends, after: Frontends): readonly ConntrackDeletion[] {
  return removedBackends(before, after).map(([{ family, address, port }, backend]) => [
    ...['-D', '-f', family === 4 ? 'ipv4' : 'ipv6', '-p', 'tcp', '--state', 'SYN_SENT'],
    ...['--orig-dst', address, '--orig-port-dst', String(port), '--reply-src', backend.address],
  ]);
}

/** Has the kernel forget such connections, out of the way of whoever asks. */
export class HalfOpenFlows {
  readonly #program: ConntrackProgram;
  #before: Frontends = new Map();

  /** @param run for tests: runs `conntrack` */
  constructor(logger: Logger, run?: RunConntrack) {
    const hint =
      'connections that are being made to an API server while it is lost wait until clients give up';
    this.#program = new ConntrackProgram(logger, hint, run);
  }

  /** These are what the data plane has now. Returns at once. */
  follow(frontends: Frontends): void {
    for (const deletion of halfOpenFlows(this.#before, frontends)) void this.#program.run(deletion);
    this.#before = frontends;
  }
}
