// SPDX-License-Identifier: Apache-2.0
import type { Random } from './random.ts';

/** Number for the host that coordinates when the fault begins. */
export const COORDINATOR = -1;

/** Something that goes wrong (or is done) at some time, mostly for some time. Hosts are numbered. */
export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'crash' | 'freeze' | 'workerStall' | 'mainStall'; readonly host: number }
  | { readonly kind: 'isolate' | 'deafen' | 'mute'; readonly host: number }
  | { readonly kind: 'drain' | 'linkDown' | 'refuse' | 'twin'; readonly host: number }
  | { readonly kind: 'usurp' | 'outvote' }
  | { readonly kind: 'cut'; readonly host: number; readonly other: number }
  | { readonly kind: 'partition' | 'apiDown'; readonly hosts: readonly number[] }
  | { readonly kind: 'loss' | 'slow' | 'duplicate'; readonly amount: number }
  | { readonly kind: 'voters'; readonly voters: readonly number[] }
  | { readonly kind: 'restoreRecord' | 'deleteRecord' | 'unwant' }
);

export type FaultKind = Fault['kind'];

/** How often each is drawn. */
const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
  ['crash', 5],
  ['freeze', 5],
  ['workerStall', 3],
  ['isolate', 4],
  ['deafen', 2],
  ['mute', 2],
  ['cut', 4],
  ['partition', 3],
  ['loss', 2],
  ['slow', 4],
  ['duplicate', 1],
  ['mainStall', 1],
  ['drain', 2],
  ['linkDown', 1],
  ['refuse', 1],
  ['twin', 3],
  ['usurp', 1],
  ['outvote', 1],
  ['voters', 3],
  ['restoreRecord', 2],
  ['deleteRecord', 1],
  ['apiDown', 2],
  ['unwant', 1],
];
const TOTAL = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);

/** Draws what goes wrong between two times, in order. */
export function drawFaults(
  random: Random,
  { hosts, fromMs, untilMs }: { hosts: number; fromMs: number; untilMs: number },
): readonly Fault[] {
  const count = 2 + random.below(7);
  const faults = Array.from({ length: count }, () =>
    drawFault(random, hosts, random.between(fromMs, untilMs)),
  );
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function drawFault(random: Random, hosts: number, atMs: number): Fault {
  const kind = drawKind(random);
  const host = random.chance(0.25) ? COORDINATOR : random.below(hosts);
  // Mostly around the length of a lease or a grant: there it matters.
  const forMs = random.chance(0.7) ? random.between(5, 500) : random.between(300, 1_500);
  switch (kind) {
    case 'cut':
      return { kind, atMs, forMs, host, other: (Math.max(host, 0) + 1 + random.below(hosts - 1)) % hosts };
    case 'partition':
      return { kind, atMs, forMs, hosts: drawHosts(random, hosts, 1 + random.below(hosts - 1)) };
    case 'loss':
      return { kind, atMs, forMs, amount: random.between(0.1, 0.7) };
    case 'slow':
      return { kind, atMs, forMs, amount: random.between(5, 400) };
    case 'duplicate':
      return { kind, atMs, forMs, amount: 0.5 };
    case 'voters':
      return { kind, atMs, forMs, voters: drawHosts(random, hosts, 3) };
    case 'mainStall':
      return { kind, atMs, forMs: random.between(500, 4_000), host };
    case 'apiDown':
      return {
        kind,
        atMs,
        forMs: random.between(100, 2_000),
        hosts: drawHosts(random, hosts, 1 + random.below(hosts)),
      };
    case 'twin':
      return { kind, atMs, forMs: random.between(500, 2_500), host };
    case 'crash':
      return { kind, atMs, forMs: random.chance(0.5) ? random.between(1, 120) : forMs, host };
    case 'usurp':
    case 'outvote':
    case 'restoreRecord':
    case 'deleteRecord':
    case 'unwant':
      return { kind, atMs, forMs };
    default:
      return { kind, atMs, forMs, host };
  }
}

function drawKind(random: Random): FaultKind {
  let left = random.next() * TOTAL;
  for (const [kind, weight] of WEIGHTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'crash';
}

function drawHosts(random: Random, hosts: number, count: number): readonly number[] {
  const left = Array.from({ length: hosts }, (_, index) => index);
  const drawn: number[] = [];
  while (drawn.length < count) drawn.push(...left.splice(random.below(left.length), 1));
  return drawn.sort((a, b) => a - b);
}

/** One line for a report. */
export function describeFault(fault: Fault): string {
  const { atMs, forMs, kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return `${atMs.toFixed(1)} ms: ${kind} ${details.join(', ')} for ${forMs.toFixed(1)} ms`;
}
