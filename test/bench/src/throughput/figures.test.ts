// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type CaseName, summarize, type ThroughputRun } from './figures.ts';
import { LOAD_MODES } from './wrk.ts';

function runs(name: CaseName, rates: readonly number[], cpuSeconds = 2): readonly ThroughputRun[] {
  return LOAD_MODES.flatMap((mode) =>
    rates.map((requestsPerSecond, round) => ({
      name,
      mode,
      round,
      requests: requestsPerSecond,
      requestsPerSecond,
      p50Ms: 1,
      p99Ms: 2 + round,
      worstMs: 9,
      failures: round,
      cpuSeconds,
    })),
  );
}

describe('summarize', () => {
  it('takes medians of rates, and of the ratios of each round', () => {
    const { cases, ratios, workRatios } = summarize([
      ...runs('nat', [100, 200, 300]),
      ...runs('haproxy', [50, 200, 100], 4),
    ]);
    expect(cases.nat).toMatchObject({ keepAlive: 200, p99Ms: 3, failures: 6 });
    expect(ratios).toEqual({ natVsHaproxy: { keepAlive: 2, perConnection: 2 } });
    expect(workRatios).toEqual({ natVsHaproxy: { keepAlive: 4, perConnection: 4 } });
    expect(cases.nat?.workMicroseconds).toBe(10_000);
  });

  it('tells the work of the node beyond that of the same requests without it', () => {
    const { cases } = summarize([...runs('direct', [200_000]), ...runs('dsr', [100_000])]);
    expect(cases.direct?.nodeCpuSeconds).toBe(0);
    expect(cases.dsr?.nodeCpuSeconds).toBe(1);
  });
});
