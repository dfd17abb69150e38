// SPDX-License-Identifier: Apache-2.0
/**
 * How long an address is without an answer when its node is lost in one of four ways, when that node coordinates as well,
 * when its agent ends in an orderly way; and how long until a thousand addresses answer elsewhere. Three agents, judged by a
 * client that sends an ARP request every 5 ms and opens two TCP connections every 20 ms, one of which has to ask for the
 * neighbour first. keepalived follows in the same lab.
 */
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { type FigureSet, failoverTable, summarizeRounds } from './failover/figures.ts';
import { KINDS, parseFailoverOptions } from './failover/options.ts';
import { playAll } from './failover/session.ts';
import { loseThousand, type ThousandFigures, type ThousandRound } from './failover/thousand.ts';

/** A round with a thousand addresses takes long, and there is only one figure to it. */
const THOUSAND_ROUNDS = 3;

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const options = parseFailoverOptions(args);
  await buildPrograms();
  const session = await playAll(options, say);
  const thousand = options.only.has('thousand')
    ? summarizeThousand(
        await loseThousand(
          { fairlead_engine: options.engine },
          Math.min(THOUSAND_ROUNDS, options.rounds),
          say,
        ),
      )
    : undefined;
  const kinds: FigureSet = Object.fromEntries(
    KINDS.flatMap((kind) => {
      const rounds = session.rounds.get(kind);
      return rounds === undefined || rounds.length === 0 ? [] : [[kind, summarizeRounds(rounds)]];
    }),
  );
  const figures = {
    engine: options.engine,
    apiServer: session.apiServer,
    ...kinds,
    ...(thousand && { thousand }),
    voidRounds: session.voidRounds,
  };
  return { figures, table: failoverTable(kinds, thousand?.allMs) };
}

function summarizeThousand(rounds: readonly ThousandRound[]): ThousandFigures {
  const all = rounds.map(({ allMs }) => allMs);
  return {
    allMs: Math.round(Math.max(...all)),
    medianMs: Math.round(median(all)),
    rounds: rounds.length,
    firstMs: Math.round(Math.max(...rounds.map(({ firstMs }) => firstMs))),
  };
}

/** Outages after losses of a node. */
export const failover: Benchmark = {
  name: 'failover',
  about: 'outage when a node is lost, beside keepalived [--rounds N --only KIND,KIND --engine raft|lease]',
  run: async (say, args) => {
    await ensureLabNamespace();
    return await run(say, args);
  },
};
