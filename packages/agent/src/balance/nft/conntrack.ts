// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { runCommand } from '../../system/commands.ts';
import { type Frontend, sameBackend, takersOf } from '../model/frontend.ts';

/** Flows of UDP that have to be forgotten: all to a front end, or those that go on to one back end of it. */
export interface StaleFlows {
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly backend: string | undefined;
}

/**
 * UDP flows that have to be forgotten when frontends change: the kernel keeps sending a known flow where it went before,
 * which for TCP is what clients want and for UDP would be a dead pod for as long as packets come. Flows to removed
 * backends; and all flows of a frontend that had no backend, because their destination is this node. Pure.
 */
export function staleFlows(
  before: ReadonlyMap<string, Frontend>,
  after: ReadonlyMap<string, Frontend>,
): readonly StaleFlows[] {
  const stale: StaleFlows[] = [];
  for (const [id, frontend] of after) {
    const { family, address, port, protocol } = frontend;
    if (protocol !== 'udp' || takersOf(frontend).length === 0) continue;
    const old = before.get(id);
    if (old === undefined || takersOf(old).length === 0)
      stale.push({ family, address, port, backend: undefined });
  }
  for (const [id, { family, address, port, protocol, backends }] of before) {
    if (protocol !== 'udp') continue;
    const now = after.get(id)?.backends ?? [];
    for (const backend of backends) {
      if (now.some((other) => sameBackend(other, backend))) continue;
      stale.push({ family, address, port, backend: backend.address });
    }
  }
  return stale;
}

/** Arguments of the `conntrack` that forgets them. Pure. */
export function deletionOf({ family, address, port, backend }: StaleFlows): readonly string[] {
  const to = ['--orig-dst', address, '--orig-port-dst', String(port)];
  const from = backend === undefined ? [] : ['--reply-src', backend];
  return ['-D', '-f', nameOf(family), '-p', 'udp', ...to, ...from];
}

function nameOf(family: 4 | 6): string {
  return family === 4 ? 'ipv4' : 'ipv6';
}

/** Which of these flows there are, given what `conntrack -L` prints of them: one line each, the original direction first. Pure. */
export function presentFlows(stale: readonly StaleFlows[], listing: string): readonly StaleFlows[] {
  const there = new Set<string>();
  for (const line of listing.split('\n')) {
    const values = (name: string) =>
      [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, value]) => value);
    const [address] = values('dst');
    const [port] = values('dport');
    const [, backend] = values('src');
    there.add(`${address} ${port}`).add(`${address} ${port} ${backend}`);
  }
  return stale.filter(({ address, port, backend }) =>
    there.has(backend === undefined ? `${address} ${port}` : `${address} ${port} ${backend}`),
  );
}

/** From so many on they are looked up first: mostly there is none of them, and each that is forgotten costs a program. */
const MANY = 4;

/** Runs the deletions one after the other, out of the way of whoever asked. */
export class Conntrack {
  readonly #logger: Logger;
  #waiting: StaleFlows[] = [];
  #running: Promise<void> | undefined;
  #missing = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Forgets flows that the step from `before` to `after` makes stale. Returns at once. */
  forget(before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>): void {
    if (this.#missing) return;
    this.#waiting.push(...staleFlows(before, after));
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const stale = this.#waiting;
        this.#waiting = [];
        const present = stale.length < MANY ? stale : await this.#lookUp(stale);
        // Status 1: there was no such flow.
        for (const each of present) await runCommand('conntrack', deletionOf(each), { accept: [0, 1] });
      }
    } catch (error) {
      this.#missing = true;
      this.#waiting = [];
      this.#logger.warn(
        { err: error },
        'conntrack cannot be run: UDP flows to removed pods end only by themselves',
      );
    }
    this.#running = undefined;
  }

  async #lookUp(stale: readonly StaleFlows[]): Promise<readonly StaleFlows[]> {
    const families = ([4, 6] as const).filter((family) => stale.some((each) => each.family === family));
    const listings: string[] = [];
    for (const family of families) {
      const { stdout } = await runCommand('conntrack', ['-L', '-f', nameOf(family), '-p', 'udp']);
      listings.push(stdout);
    }
    return presentFlows(stale, listings.join('\n'));
  }
}
