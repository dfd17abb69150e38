// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { ConntrackProgram } from '../../system/conntrack-program.ts';
import { type Frontend, removedBackends, takersOf } from '../model/frontend.ts';

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
  for (const [{ family, address, port, protocol }, backend] of removedBackends(before, after)) {
    if (protocol === 'udp') stale.push({ family, address, port, backend: backend.address });
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

/** Has the kernel forget flows, out of the way of whoever asks. */
export class Conntrack {
  readonly #program: ConntrackProgram;
  #waiting: StaleFlows[] = [];
  #isRunning = false;

  constructor(logger: Logger) {
    this.#program = new ConntrackProgram(logger, 'UDP flows to removed pods end only by themselves');
  }

  /** Forgets flows that the step from `before` to `after` makes stale. Returns at once. */
  forget(before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>): void {
    if (this.#program.isMissing) return;
    this.#waiting.push(...staleFlows(before, after));
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const stale = this.#waiting;
      this.#waiting = [];
      const present = stale.length < MANY ? stale : await this.#lookUp(stale);
      for (const each of present) await this.#program.run(deletionOf(each));
    }
    this.#isRunning = false;
  }

  async #lookUp(stale: readonly StaleFlows[]): Promise<readonly StaleFlows[]> {
    const families = ([4, 6] as const).filter((family) => stale.some((each) => each.family === family));
    const listings: string[] = [];
    for (const family of families) {
      listings.push(await this.#program.run(['-L', '-f', nameOf(family), '-p', 'udp']));
    }
    return presentFlows(stale, listings.join('\n'));
  }
}
