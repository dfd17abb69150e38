// SPDX-License-Identifier: Apache-2.0
/**
 * How soon new connections follow a change of one Service's endpoints, with few and with many other Services: the agent's own
 * account, from the arrival of the watch event until the kernel has confirmed, and a client's looks at whether that is true.
 */
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { parseUpdateOptions } from './updates/options.ts';
import { playUpdates, type UpdateRecord } from './updates/session.ts';

const BOUNDS = { p99Ms: 20, coldStartMs: 3_000, flatness: 1.5 } as const;

/** The value that 99 % do not exceed. Throws on an empty list. */
function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)];
  if (value === undefined) throw new Error('p99 of nothing');
  return value;
}

const hundredth = (value: number) => Math.round(value * 100) / 100;

function resultOf({ rounds, flow, coldStartMs, frontends, apiServer }: UpdateRecord): BenchmarkResult {
  const each = <T>(of: (round: UpdateRecord['rounds'][number]) => T) =>
    Object.fromEntries(rounds.map((round) => [String(round.services), of(round)]));
  const p99Ms = each(({ tookMs }) => hundredth(p99(tookMs)));
  const values = Object.values(p99Ms);
  const flatness = hundredth((values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN));
  const figures = {
    apiServer,
    p99Ms,
    medianMs: each(({ tookMs }) => hundredth(median(tookMs))),
    worstMs: each(({ tookMs }) => hundredth(Math.max(...tookMs))),
    changes: each(({ tookMs }) => tookMs.length),
    flatness,
    apiMedianMs: each(({ apiMs }) => hundredth(median(apiMs))),
    wrongLooks: each(({ wrongLooks, looks }) => `${wrongLooks} of ${looks}`),
    coldStartMs,
    frontendsAfterColdStart: frontends,
    lostPackets: flow.lost,
    flow,
  };
  const rows = rounds.map((round) => {
    const key = String(round.services);
    return [
      key,
      String(figures.medianMs[key]),
      String(p99Ms[key]),
      String(figures.worstMs[key]),
      String(figures.apiMedianMs[key]),
    ];
  });
  return {
    figures,
    table: [
      ['Services', 'median ms', `p99 ms (<= ${BOUNDS.p99Ms})`, 'worst ms', 'API median ms'],
      ...rows,
      ['p99, most against fewest', String(flatness), `<= ${BOUNDS.flatness}`, '', ''],
      ['cold start, ms', String(coldStartMs), `<= ${BOUNDS.coldStartMs}`, `${frontends} front ends`, ''],
      ['lost of an established flow', String(flow.lost), '0', `of ${flow.sent}`, ''],
    ],
  };
}

/** Changes of endpoints among few and many Services. */
export const updates: Benchmark = {
  name: 'updates',
  about:
    'endpoint changes with 100, 1,000 and 10,000 Services [--services N,N --changes N --flow-changes N --looks N]',
  run: async (say, args) => {
    const options = parseUpdateOptions(args);
    await ensureLabNamespace();
    await buildPrograms();
    return resultOf(await playUpdates(options, say));
  },
};
