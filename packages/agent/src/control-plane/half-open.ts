// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { type Frontend, sameBackend } from '../balance/model/frontend.ts';
import { runCommand } from '../system/commands.ts';

/** Arguments of one `conntrack -D`. */
export type ConntrackDeletion = readonly string[];

/** Front ends by id. */
export type Frontends = ReadonlyMap<string, Frontend>;

/**
 * Connections that have been begun and not answered, to back ends that are left out now. The kernel would send each repetition of their
 * first packet to where the first one went, until the client gives up; forgotten, the next one goes to a back end that lives. Pure.
 */
export function halfOpenFlows(before: Frontends, after: Frontends): readonly ConntrackDeletion[] {
  const deletions: ConntrackDeletion[] = [];
  for (const [id, { family, address, port, backends }] of before) {
    const now = after.get(id)?.backends ?? [];
    for (const backend of backends) {
      if (now.some((other) => sameBackend(other, backend))) continue;
      deletions.push([
        ...['-D', '-f', family === 4 ? 'ipv4' : 'ipv6', '-p', 'tcp', '--state', 'SYN_SENT'],
        ...['--orig-dst', address, '--orig-port-dst', String(port), '--reply-src', backend.address],
      ]);
    }
  }
  return deletions;
}

/** Has the kernel forget such connections, out of the way of whoever asks. */
export class HalfOpenFlows {
  readonly #logger: Logger;
  readonly #run: (deletion: ConntrackDeletion) => Promise<unknown>;
  #before: Frontends = new Map();
  #queue: Promise<void> = Promise.resolve();
  #isMissing = false;

  /** @param run for tests: runs `conntrack` */
  constructor(logger: Logger, run: (deletion: ConntrackDeletion) => Promise<unknown> = runConntrack) {
    this.#logger = logger;
    this.#run = run;
  }

  /** These are what the data plane has now. Returns at once. */
  follow(frontends: Frontends): void {
    const deletions = halfOpenFlows(this.#before, frontends);
    this.#before = frontends;
    for (const deletion of deletions) this.#queue = this.#queue.then(() => this.#forget(deletion));
  }

  async #forget(deletion: ConntrackDeletion): Promise<void> {
    if (this.#isMissing) return;
    try {
      await this.#run(deletion);
    } catch (error) {
      this.#isMissing = true;
      const hint =
        'connections that are being made to an API server while it is lost wait until clients give up';
      this.#logger.warn({ err: error, hint }, 'conntrack cannot be run');
    }
  }
}

/** Status 1: there was no such connection. */
function runConntrack(deletion: ConntrackDeletion): Promise<unknown> {
  return runCommand('conntrack', deletion, { accept: [0, 1] });
}
