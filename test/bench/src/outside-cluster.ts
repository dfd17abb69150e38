// SPDX-License-Identifier: Apache-2.0
/**
 * Three hosts outside a cluster, cut off one after the other: how long nobody answers requests to their address, with the
 * engine raft. Judged from the client, who asks anew every 10 ms.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HOSTS, PORT, serverOf, Trio, VIP } from '@fairlead/test-e2e/outside-cluster/trio.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { NeighborObserver, TcpProber } from '@fairlead/test-lab/observer/observers.ts';
import { attemptsWithin, longestSuccessGap } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';

const PROBE_MS = 10;
/** A request that takes longer has failed. */
const PATIENCE_MS = 500;
/** What was begun just now is not what is measured. */
const SETTLE_MS = 1_500;
/** A host stays away for so long. */
const ABSENT_MS = 2_500;

interface Cut {
  readonly host: string;
  readonly wasOwner: boolean;
  /** Longest time between the ends of two requests that succeeded. */
  readonly gapMs: number;
  readonly failed: number;
  readonly twoOwnersMs: number;
}

/** `npm run bench -- outside-cluster --rounds 5`. */
export const outsideCluster: Benchmark = {
  name: 'outside-cluster',
  about: 'three hosts outside a cluster cut off in turn: how long their address does not answer',
  async run(say, args): Promise<BenchmarkResult> {
    const rounds = readRounds(args);
    await ensureLabNamespace();
    const trio = await Trio.start();
    try {
      await trio.startAgents();
      const cuts: Cut[] = [];
      for (let round = 0; round < rounds; round++) {
        for (const host of HOSTS) {
          const cut = await cutOff(trio, host);
          say(
            `${host} (${cut.wasOwner ? 'owner' : 'not owner'}): ${Math.round(cut.gapMs)} ms, ${cut.failed} failed`,
          );
          cuts.push(cut);
        }
      }
      return resultOf(cuts);
    } finally {
      await trio.stop();
    }
  },
};

function readRounds(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '5' } },
    strict: true,
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds: expected a whole number above 0, got "${values.rounds}"`);
  }
  return rounds;
}

async function cutOff(trio: Trio, host: string): Promise<Cut> {
  const { network } = trio;
  const observer = await NeighborObserver.start(network, { addresses: [VIP], intervalMs: PROBE_MS });
  const wasOwner = (await trio.firstOwner(observer)) === host;
  const prober = await TcpProber.start(network, {
    target: `${VIP}:${PORT}`,
    intervalMs: PROBE_MS,
    timeoutMs: PATIENCE_MS,
  });
  await sleep(SETTLE_MS);
  const { startedMs: fromMs } = await network.partition(host);
  await sleep(ABSENT_MS);
  const samples = await prober.stop();
  const { startedMs: toMs } = await network.heal(host);
  const { longestTwoOwnersMs: twoOwnersMs } = observer.judge({ address: VIP });
  await observer.stop();
  await waitFor(async () => await isWell(trio, host), { what: `${host} to be back`, timeoutMs: 30_000 });
  const gapMs = longestSuccessGap(samples)?.gapMs ?? Number.POSITIVE_INFINITY;
  const { failed } = attemptsWithin(samples, { fromMs: fromMs - SETTLE_MS, toMs });
  return { host, wasOwner, gapMs, failed: failed.length, twoOwnersMs };
}

async function isWell(trio: Trio, host: string): Promise<boolean> {
  const { well, members } = await trio.status(host);
  const up = (members as readonly { node: string; state: string }[]).filter(({ state }) => state === 'up');
  return well === true && up.length === HOSTS.length && up.some(({ node }) => node === serverOf(host));
}

function resultOf(cuts: readonly Cut[]): BenchmarkResult {
  const rows = [true, false].map((wasOwner) => {
    const some = cuts.filter((cut) => cut.wasOwner === wasOwner);
    const gaps = some.map(({ gapMs }) => gapMs);
    return {
      cuts: some.length,
      medianGapMs: gaps.length === 0 ? 0 : Math.round(median(gaps)),
      worstGapMs: Math.round(Math.max(0, ...gaps)),
      failed: some.reduce((sum, { failed }) => sum + failed, 0),
      twoOwnersMs: Math.max(0, ...some.map(({ twoOwnersMs }) => twoOwnersMs)),
    };
  });
  const [owner, other] = rows;
  const cells = (name: string, row: (typeof rows)[number] | undefined) => [
    name,
    String(row?.cuts),
    String(row?.medianGapMs),
    String(row?.worstGapMs),
    String(row?.failed),
  ];
  return {
    figures: { owner, other, worstGapMs: Math.max(...rows.map(({ worstGapMs }) => worstGapMs)) },
    table: [
      ['cut off', 'times', 'median gap ms', 'worst gap ms', 'failed requests'],
      cells('the owner', owner),
      cells('another host', other),
    ],
  };
}
