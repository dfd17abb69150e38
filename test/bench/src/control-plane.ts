// SPDX-License-Identifier: Apache-2.0
/**
 * Three nodes of a control plane, cut off one after the other: for how long kubectl fails through their address. Agents as
 * static Pods with the engine raft; judged from the client, which runs kubectl every 100 ms (`--kubectl-ms`) and opens a TLS connection for one
 * request every 40 ms. Who has no answer within 900 ms has failed, also a kubectl that would have got one by waiting longer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ADDRESS, MEMBERS, PORT, Trio } from '@fairlead/test-e2e/control-plane/trio.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { longestFailingSpan } from './control-plane/failing-span.ts';
import { KubectlLane } from './control-plane/kubectl-lane.ts';

const PROBE_MS = 40;
const PATIENCE_MS = 900;
/** Under the eyes of the client before the cut. */
const BEFORE_MS = 1_000;
/** A node stays away for so long. */
const ABSENT_MS = 4_000;

interface Options {
  readonly rounds: number;
  /** Between two kubectl. */
  readonly kubectlMs: number;
  /** `lb_enable`. */
  readonly isBalanced: boolean;
}

interface Cut {
  readonly member: string;
  readonly wasOwner: boolean;
  /** Whether the node saw its carrier go, or only its frames vanished. */
  readonly how: 'unplugged' | 'cutOff';
  readonly kubectlMs: number;
  readonly kubectlFailed: number;
  /** Those that ended with an error, instead of an answer later than that. */
  readonly kubectlErrors: number;
  readonly kubectlSlowestMs: number;
  readonly requestMs: number;
  readonly requestsFailed: number;
  readonly twoOwnersMs: number;
}

/** `npm run bench -- control-plane --rounds 5 [--balance]`. */
export const controlPlane: Benchmark = {
  name: 'control-plane',
  about:
    'three control-plane nodes cut off in turn: how long kubectl fails [--rounds N --balance --kubectl-ms N]',
  async run(say, args): Promise<BenchmarkResult> {
    const options = readOptions(args);
    await ensureLabNamespace();
    await buildPrograms();
    const trio = await Trio.start({ env: options.isBalanced ? { lb_enable: 'true' } : {} });
    try {
      const cuts: Cut[] = [];
      for (let round = 0; round < options.rounds; round++) {
        for (const member of MEMBERS) {
          const cut = await cutOff(trio, member, round % 2 === 0 ? 'cutOff' : 'unplugged', options);
          say(describeCut(cut));
          cuts.push(cut);
        }
      }
      return resultOf(cuts, options, trio.lab.apiServerVersion);
    } finally {
      await trio.stop();
    }
  },
};

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      balance: { type: 'boolean', default: false },
      'kubectl-ms': { type: 'string', default: '100' },
    },
    strict: true,
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds is "${values.rounds}", expected a whole number above 0`);
  }
  const kubectlMs = Number(values['kubectl-ms']);
  if (!Number.isInteger(kubectlMs) || kubectlMs < 20) {
    throw new Error(`--kubectl-ms is "${values['kubectl-ms']}", expected a whole number from 20`);
  }
  return { rounds, kubectlMs, isBalanced: values.balance };
}

async function cutOff(trio: Trio, member: string, how: Cut['how'], { kubectlMs }: Options): Promise<Cut> {
  const { lab } = trio;
  const wasOwner = (await trio.settled()) === member;
  const observer = await lab.observeNeighbors({ addresses: [ADDRESS], intervalMs: PROBE_MS });
  const target = `${ADDRESS}:${PORT}`;
  const timing = { intervalMs: PROBE_MS, timeoutMs: PATIENCE_MS };
  const prober = await lab.probeTcp({ target, tls: true, path: '/version', ...timing });
  const lane = KubectlLane.start(trio, kubectlMs);
  await sleep(BEFORE_MS);
  await (how === 'unplugged' ? lab.unplug(member) : lab.partition(member));
  await sleep(ABSENT_MS);
  const kubectl = await lane.stop();
  const requests = await prober.stop();
  await (how === 'unplugged' ? lab.plug(member) : lab.heal(member));
  await observer.stop();
  const failed = (attempts: readonly { readonly ok: boolean }[]) => attempts.filter(({ ok }) => !ok).length;
  return {
    member,
    wasOwner,
    how,
    kubectlMs: longestFailingSpan(kubectl),
    kubectlFailed: failed(kubectl),
    kubectlErrors: kubectl.filter(({ code }) => code !== 0).length,
    kubectlSlowestMs: Math.max(0, ...kubectl.map(({ tookMs }) => tookMs)),
    requestMs: longestFailingSpan(requests),
    requestsFailed: failed(requests),
    twoOwnersMs: observer.judge({ address: ADDRESS }).longestTwoOwnersMs,
  };
}

function describeCut(cut: Cut): string {
  const { member, wasOwner, how, kubectlMs, kubectlSlowestMs, requestMs } = cut;
  const role = wasOwner ? 'had the address' : 'had it not';
  return `${member} (${role}, ${how}): kubectl ${kubectlMs.toFixed(0)} ms (the slowest took ${kubectlSlowestMs.toFixed(0)} ms), requests ${requestMs.toFixed(0)} ms`;
}

function summaryOf(cuts: readonly Cut[]) {
  const of = (read: (cut: Cut) => number) => {
    const values = cuts.map(read);
    return values.length === 0
      ? { medianMs: null, maxMs: null }
      : { medianMs: Math.round(median(values)), maxMs: Math.round(Math.max(...values)) };
  };
  const sum = (read: (cut: Cut) => number) => cuts.reduce((total, cut) => total + read(cut), 0);
  return {
    cuts: cuts.length,
    kubectl: {
      ...of(({ kubectlMs }) => kubectlMs),
      failed: sum(({ kubectlFailed }) => kubectlFailed),
      errors: sum(({ kubectlErrors }) => kubectlErrors),
      slowestMs: Math.round(Math.max(0, ...cuts.map(({ kubectlSlowestMs }) => kubectlSlowestMs))),
    },
    requests: { ...of(({ requestMs }) => requestMs), failed: sum(({ requestsFailed }) => requestsFailed) },
  };
}

function resultOf(
  cuts: readonly Cut[],
  { rounds, kubectlMs, isBalanced }: Options,
  apiServer: string,
): BenchmarkResult {
  const owner = summaryOf(cuts.filter(({ wasOwner }) => wasOwner));
  const others = summaryOf(cuts.filter(({ wasOwner }) => !wasOwner));
  const figures = {
    apiServer,
    kubectlEveryMs: kubectlMs,
    balanced: isBalanced,
    rounds,
    kubectlFailsAtMostMs: Math.round(Math.max(...cuts.map(({ kubectlMs }) => kubectlMs))),
    owner,
    others,
    twoOwnersMs: Math.round(Math.max(...cuts.map(({ twoOwnersMs }) => twoOwnersMs))),
  };
  const row = (name: string, { cuts: count, kubectl, requests }: typeof owner) => [
    name,
    ...[count, kubectl.medianMs, kubectl.maxMs, requests.medianMs, requests.maxMs].map(
      (value) => `${value ?? '-'}`,
    ),
  ];
  const head = [
    'node cut off',
    'cuts',
    'kubectl fails, median ms',
    'worst',
    'request fails, median ms',
    'worst',
  ];
  return { figures, table: [head, row('had the address', owner), row('had it not', others)] };
}
