// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { runCommand } from '../../system/commands.ts';
import { type Frontend, sameBackend, takersOf } from '../model/frontend.ts';

/** Arguments of one `conntrack -D`. */
export type ConntrackDeletion = readonly string[];

/**
 * UDP flows that have to be forgotten when frontends change: the kernel keeps sending a known flow where it went before,
 * which for TCP is what clients want and for UDP would be a dead pod for as long as packets come. Flows to removed
 * backends; and all flows of a frontend that had no backend, because their destination is this node. Pure.
 */
export function staleFlows(
  before: ReadonlyMap<string, Frontend>,
  after: ReadonlyMap<string, Frontend>,
): readonly ConntrackDeletion[] {
  const deletions: ConntrackDeletion[] = [];
  for (const [id, frontend] of after) {
    const { family, address, port, protocol } = frontend;
    if (protocol !== 'udp' || takersOf(frontend).length === 0) continue;
    const old = before.get(id);
    if (old === undefined || takersOf(old).length === 0) deletions.push(flows(family, address, port));
  }
  for (const [id, { family, address, port, protocol, backends }] of before) {
    if (protocol !== 'udp') continue;
    const now = after.get(id)?.backends ?? [];
    for (const backend of backends) {
      if (now.some((other) => sameBackend(other, backend))) continue;
      deletions.push([...flows(family, address, port), '--reply-src', backend.address]);
    }
  }
  return deletions;
}

function flows(family: 4 | 6, address: string, port: number): ConntrackDeletion {
  const ip = family === 4 ? 'ipv4' : 'ipv6';
  return ['-D', '-f', ip, '-p', 'udp', '--orig-dst', address, '--orig-port-dst', String(port)];
}

/** Runs the deletions one after the other, out of the way of whoever asked. */
export class Conntrack {
  readonly #logger: Logger;
  #queue: Promise<void> = Promise.resolve();
  #missing = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Forgets flows that the step from `before` to `after` makes stale. Returns at once. */
  forget(before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>): void {
    if (this.#missing) return;
    for (const deletion of staleFlows(before, after)) {
      this.#queue = this.#queue.then(() => this.#delete(deletion));
    }
  }

  async #delete(deletion: ConntrackDeletion): Promise<void> {
    if (this.#missing) return;
    try {
      // Status 1: there was no such flow.
      await runCommand('conntrack', deletion, { accept: [0, 1] });
    } catch (error) {
      this.#missing = true;
      this.#logger.warn(
        { err: error },
        'conntrack cannot be run: UDP flows to removed pods end only by themselves',
      );
    }
  }
}
