// SPDX-License-Identifier: Apache-2.0
import { type Clock, delay, systemClock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { ConntrackProgram, type RunConntrack } from '../../system/conntrack-program.ts';
import { type Frontend, removedBackends, takersOf } from '../model/frontend.ts';

/**
 * Flows that have to be forgotten: all to a front end, or those that go on to one back end of it. Of TCP only connections that have
 * been begun and not answered.
 */
export interface StaleFlows {
  readonly protocol: 'udp' | 'tcp';
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly backend: string | undefined;
}

/**
 * Flows that have to be forgotten when frontends change, because the kernel keeps sending a known flow where it went before. For
 * established connections of TCP that is what clients want. For UDP it would be a dead pod for as long as packets come; and a client that
 * opens a connection to a pod that died meanwhile would repeat its first packet there until it gives up. So these are flows to
 * removed backends; and all flows of UDP to a frontend that had no backend, because their destination is this node. Pure.
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
      stale.push({ protocol, family, address, port, backend: undefined });
  }
  for (const [{ family, address, port, protocol }, backend] of removedBackends(before, after)) {
    if (protocol !== 'sctp') stale.push({ protocol, family, address, port, backend: backend.address });
  }
  return stale;
}

/** Arguments of the `conntrack` that forgets them. Pure. */
export function deletionOf({ protocol, family, address, port, backend }: StaleFlows): readonly string[] {
  const to = ['--orig-dst', address, '--orig-port-dst', String(port)];
  const from = backend === undefined ? [] : ['--reply-src', backend];
  return ['-D', '-f', nameOf(family), ...KINDS[protocol], ...to, ...from];
}

/** Which flows are spoken of. */
const KINDS = { udp: ['-p', 'udp'], tcp: ['-p', 'tcp', '--state', 'SYN_SENT'] } as const;

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

/** What {@link Conntrack} needs. */
export interface ConntrackOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Replaced in tests: runs `conntrack`. */
  readonly run?: RunConntrack;
}

/** Has the kernel forget flows, out of the way of whoever asks. */
export class Conntrack {
  readonly #forgetters: readonly FlowsOf[];

  constructor({ logger, clock = systemClock, run }: ConntrackOptions) {
    const hint =
      'flows of UDP to removed pods, and connections that are being made to them, end only by themselves';
    const program = new ConntrackProgram(logger, hint, run);
    this.#forgetters = [
      new FlowsOf('udp', { program, clock, restMs: 0, many: 4 }),
      new FlowsOf('tcp', { program, clock, restMs: REST_MS, many: 2 }),
    ];
  }

  /** Forgets flows that the step from `before` to `after` makes stale. Returns at once. */
  forget(before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>): void {
    const stale = staleFlows(before, after);
    if (stale.length === 0) return;
    for (const each of this.#forgetters) each.forget(stale);
  }
}

/**
 * Endpoints of TCP come and go all the time, and a first packet is repeated after a second: what comes within this time is looked up
 * together.
 */
const REST_MS = 500;

interface Forgetting {
  readonly program: ConntrackProgram;
  readonly clock: Clock;
  /** After forgetting some, the next ones wait so long. */
  readonly restMs: number;
  /** From so many on they are looked up first: mostly there is none of them, and each that is forgotten costs a program. */
  readonly many: number;
}

/** Forgets the flows of one protocol. */
class FlowsOf {
  readonly #protocol: StaleFlows['protocol'];
  readonly #how: Forgetting;
  #waiting: StaleFlows[] = [];
  #isRunning = false;

  constructor(protocol: StaleFlows['protocol'], how: Forgetting) {
    this.#protocol = protocol;
    this.#how = how;
  }

  forget(stale: readonly StaleFlows[]): void {
    if (this.#how.program.isMissing) return;
    this.#waiting.push(...stale.filter(({ protocol }) => protocol === this.#protocol));
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    const { program, clock, restMs, many } = this.#how;
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const stale = this.#waiting;
      this.#waiting = [];
      const present = stale.length < many ? stale : await this.#lookUp(stale);
      for (const each of present) await program.run(deletionOf(each));
      if (restMs > 0) await delay(clock, restMs);
    }
    this.#isRunning = false;
  }

  async #lookUp(stale: readonly StaleFlows[]): Promise<readonly StaleFlows[]> {
    const families = ([4, 6] as const).filter((family) => stale.some((each) => each.family === family));
    const listings: string[] = [];
    for (const family of families) {
      listings.push(await this.#how.program.run(['-L', '-f', nameOf(family), ...KINDS[this.#protocol]]));
    }
    return presentFlows(stale, listings.join('\n'));
  }
}
