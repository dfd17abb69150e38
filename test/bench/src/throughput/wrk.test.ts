// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseWrk, wrkCommand } from './wrk.ts';

const OUTPUT = `Running 3s test @ http://172.18.0.200/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.01ms    1.20ms  24.64ms   91.20%
    Req/Sec    37.36k     3.87k   44.55k    68.33%
  Latency Distribution
     50%  812.00us
     75%    1.21ms
     90%    2.10ms
     99%    1.20s 
  223160 requests in 3.10s, 34.05MB read
Requests/sec:  71988.32
Transfer/sec:     10.98MB
`;

describe('parseWrk', () => {
  it('reads rates and times in all units', () => {
    expect(parseWrk(OUTPUT.replace('1.20s \n', '1.20s\n'))).toEqual({
      requests: 223_160,
      requestsPerSecond: 71_988.32,
      p50Ms: 0.812,
      p99Ms: 1_200,
      worstMs: 24.64,
      failures: 0,
    });
  });

  it('counts what failed', () => {
    const failed = `${OUTPUT.replace('1.20s ', '9.00ms')}  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 4
`;
    expect(parseWrk(failed).failures).toBe(10);
  });

  it('does not guess', () => {
    expect(() => parseWrk('unable to connect')).toThrow('unable to connect');
  });
});

it('asks for a connection per request by a header', () => {
  const run = { url: 'http://10.0.0.1/', seconds: 3, connections: 64 };
  expect(wrkCommand({ ...run, mode: 'keepAlive' })).not.toContain('Connection: close');
  expect(wrkCommand({ ...run, mode: 'perConnection' })).toContain('Connection: close');
});
